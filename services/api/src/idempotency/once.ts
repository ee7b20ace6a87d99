import { createHash, randomUUID } from 'node:crypto';
import { SlipwayError, toProblem } from '@slipway/shared/errors';
import { sendProblem } from '@slipway/shared/http';
import type { Logger } from '@slipway/shared/logger';
import type { Request, Response } from 'express';
import { type Ids, newIds, newSeed, ReservedIds } from './ids.js';
import type { Claim, KeyStore, StoredAnswer } from './key-store.js';

export interface OnceDeps {
  readonly store: Pick<KeyStore, 'claim' | 'hold' | 'reseed' | 'release' | 'answer'>;
  readonly logger: Logger;
}

interface OnceOptions extends OnceDeps {
  readonly req: Request;
  readonly res: Response;
  readonly tenant: string;
  /** Of the bytes of the body, or of its content where the same may be sent in other bytes; undefined when it has none. */
  readonly bodyDigest: string | undefined;
  readonly work: (ids: Ids) => Promise<void>;
}

/** A process that is gone keeps a key so long; one that works renews it. */
const leaseMs = 30_000;
const holdEveryMs = 10_000;

/**
 * Does the work of a request once for its `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), and answers repeats as it was answered. A request
 * without one is simply done. The answer is stored before it is sent. Answers of 5xx and 429 are not: the same request may be tried again, and finds what
 * an earlier try has made by its id.
 */
export async function once(options: OnceOptions): Promise<void> {
  const { req, res, tenant, bodyDigest, work, store } = options;
  const key = idempotencyKeyOf(req);
  if (key === undefined) return await work(newIds);
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

/** Most requests take less; one whose process is gone is waited for by asking some times. */
const retryAfterAtMost = 5;

async function carryOut(claim: Claim, ids: Ids, { res, work, store, logger }: OnceOptions): Promise<void> {
  const holding = setInterval(() => {
    store.hold(claim, leaseMs).catch((error: unknown) => {
      logger.warn({ err: error, tenant: claim.tenant }, 'an idempotency key was not held on to');
    });
  }, holdEveryMs);
  const answer = heldBack(res);
  try {
    await work(ids).catch((error: unknown) => {
      if (!isFinal(toProblem(error).status)) throw error;
      sendProblem(res, error);
    });
    if (res.headersSent || !isFinal(res.statusCode)) await store.release(claim);
    else await store.answer(claim, answer.held());
  } catch (error) {
    answer.forget();
    // If this fails too, the lease ends by itself.
    await store.release(claim).catch(() => undefined);
    throw error;
  } finally {
    clearInterval(holding);
  }
  answer.send();
}

const isFinal = (status: number) => status < 500 && status !== 429;

/** Keeps what ends an answer, until it may be sent. */
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

/** The draft has a string in quotes; the same without them is the same key. Throws `idempotency_key_invalid`. */
export function idempotencyKeyOf(req: Request): string | undefined {
  const given = req.get('idempotency-key');
  if (given === undefined) return undefined;
  const key = /^"(.*)"$/.exec(given)?.[1] ?? given;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) throw new SlipwayError('idempotency_key_invalid');
  return key;
}
