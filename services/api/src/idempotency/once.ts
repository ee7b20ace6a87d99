import { createHash, randomUUID } from 'node:crypto';
import { SlipwayError, toProblem } from '@slipway/shared/errors';
import { sendProblem } from '@slipway/shared/http';
import type { Logger } from '@slipway/shared/logger';
import type { Request, Response } from 'express';
import { type Ids, newIds, newSeed, ReservedIds } from './ids.js';
import type { Claim, KeyStore, StoredAnswer } from './key-store.js';

export interface OnceDeps {
  readonly store: Pick<KeyStore, 'claim' | 'hold' | 'reseed' | 'giveUp' | 'answer'>;
  readonly logger: Logger;
}

interface OnceOptions extends OnceDeps {
  readonly req: Request;
  readonly res: Response;
  readonly tenant: string;
  /** Digest of the body's bytes, or of its content where the same content has several encodings; undefined without a body. */
  readonly bodyDigest: string | undefined;
  readonly work: (ids: Ids) => Promise<void>;
}

/** Milliseconds for which a dead process keeps a key; a live one renews it. */
const leaseMs = 30_000;
const holdEveryMs = 10_000;

/**
 * Runs a request once per `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), and replays the stored answer to repeats.
 * Requests without a key just run. The answer is stored before it is sent. Answers of 5xx and 429 are not stored: the same request
 * may be tried again, and finds the records of an earlier try by id.
 */
export async function once(options: OnceOptions): Promise<void> {
  const { req, res, tenant, bodyDigest, work, store } = options;
  const key = idempotencyKeyOf(req);
  if (key === undefined) return await answerAfter(res, () => work(newIds()));
  const claim: Claim = { tenant, key, token: randomUUID() };
  const request = createHash('sha256')
    .update(`${req.method}\n${req.originalUrl}\n${bodyDigest ?? ''}`)
    .digest('hex');
  const reply = await store.claim(claim, { request, seed: newSeed(), leaseMs });
  switch (reply.outcome) {
    case 'other_request':
      throw new SlipwayError('idempotency_key_reused');
    case 'busy':
      throw new SlipwayError('idempotency_key_in_progress', undefined, {
        retryAfter: Math.max(1, Math.min(Math.ceil(reply.leftMs / 1_000), retryAfterAtMost)),
      });
    case 'full':
      throw new SlipwayError(
        'stored_quota_exceeded',
        `The records of ${tenant} take ${reply.used} bytes, and leave no room for one of the Idempotency-Key.`,
      );
    case 'answered':
      return replay(res, reply.answer);
    case 'claimed': {
      const { seed, used } = reply;
      const renew = async () => {
        const other = newSeed();
        await store.reseed(claim, other);
        return other;
      };
      return await carryOut(claim, new ReservedIds({ seed, used, renew }), options);
    }
  }
}

/** Runs the work and sends its answer only once it resolves. If it rejects, nothing of the answer is sent. */
export async function answerAfter(res: Response, work: () => Promise<void>): Promise<void> {
  const answer = heldBack(res);
  try {
    await work();
  } catch (error) {
    answer.forget();
    throw error;
  }
  answer.send();
}

/** Limit of `Retry-After` in seconds. Most requests take less; after the death of a process, the client asks several times. */
const retryAfterAtMost = 5;

async function carryOut(claim: Claim, ids: Ids, { res, work, store, logger }: OnceOptions): Promise<void> {
  const holding = setInterval(() => {
    store.hold(claim, leaseMs).catch((error: unknown) => {
      logger.warn({ err: error, tenant: claim.tenant }, 'an idempotency key could not be renewed');
    });
  }, holdEveryMs);
  const answer = heldBack(res);
  try {
    await work(ids).catch((error: unknown) => {
      if (!isFinal(toProblem(error).status)) throw error;
      sendProblem(res, error);
    });
    if (res.headersSent || !isFinal(res.statusCode)) await store.giveUp(claim);
    else await store.answer(claim, answer.held());
  } catch (error) {
    answer.forget();
    // If this fails too, the lease expires.
    await store.giveUp(claim).catch(() => undefined);
    throw error;
  } finally {
    clearInterval(holding);
  }
  answer.send();
}

const isFinal = (status: number) => status < 500 && status !== 429;

/** Holds back the end of an answer until it may be sent. */
function heldBack(res: Response) {
  const end = res.end;
  let args: unknown[] | undefined;
  res.end = ((...given: unknown[]) => {
    args = given;
    return res;
  }) as Response['end'];
  const letGo = () => {
    res.end = end;
  };
  const header = (name: string) => {
    const value = res.getHeader(name);
    return value === undefined ? undefined : String(value);
  };
  return {
    held(): StoredAnswer {
      const [body] = args ?? [];
      return {
        status: res.statusCode,
        type: header('content-type'),
        location: header('location'),
        body: Buffer.isBuffer(body) ? body.toString('utf8') : typeof body === 'string' ? body : '',
      };
    },
    send() {
      letGo();
      if (args) (end as (...given: unknown[]) => void).apply(res, args);
    },
    forget() {
      letGo();
      args = undefined;
      for (const name of ['Content-Type', 'Content-Length', 'ETag', 'Location']) res.removeHeader(name);
    },
  };
}

function replay(res: Response, { status, type, location, body }: StoredAnswer): void {
  res.status(status).set('Idempotency-Replayed', 'true');
  if (type !== undefined) res.set('Content-Type', type);
  if (location !== undefined) res.set('Location', location);
  res.end(body);
}

/**
 * Returns the idempotency key of a request. The draft requires a quoted string; the same text without quotes is the same key. Throws
 * `idempotency_key_invalid`.
 */
export function idempotencyKeyOf(req: Request): string | undefined {
  const given = req.get('idempotency-key');
  if (given === undefined) return undefined;
  const key = /^"(.*)"$/.exec(given)?.[1] ?? given;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) throw new SlipwayError('idempotency_key_invalid');
  return key;
}
