import { createHash } from 'node:crypto';
import { type JobRequest, jobRequestSchema } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { parseJson } from '@slipway/shared/json';
import type { SourceRoom } from '@slipway/source';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { accountOf } from '../http/auth.js';
import { closedSignal, lingerThenClose } from '../http/connection.js';
import { type FormPiece, readForm } from '../http/form.js';
import { jsonBoundsOf } from '../http/json-bounds.js';
import { smallBodyBytes } from '../http/large-bodies.js';
import { type BodyForm, usualJsonBytes } from '../http/operation.js';
import { validate } from '../http/validate.js';
import { takeOwn } from '../sources/ownership.js';
import { checkAllowed, usualPriority } from '../tenants/account.js';
import { resolveSecrets } from './resolve/secrets.js';
import type { SubmitDeps } from './submit.js';

export interface JobFormDeps extends Pick<SubmitDeps, 'sources' | 'owners'> {
  /** Limit of an archive, in bytes. */
  readonly maxPayloadBytes: number;
}

interface ReceiveFormDeps extends JobFormDeps {
  /** Resolves when that many bytes may stay in memory. */
  readonly keepInMemory: (bytes: number) => Promise<void>;
}

type Pieces = AsyncGenerator<FormPiece, void>;

const jobPartSchema = jobRequestSchema.omit({ source: true }).meta({ id: 'JobWithoutSource' });
const bounds = jsonBoundsOf({ schema: jobPartSchema, isLarge: false });
/** Bytes of boundaries and of part headers, at most. */
const framingBytes = 64 * 1024;
const order = 'Send the part `job`, in JSON, then the part `source`, an archive, and no other.';

/**
 * Returns the form of `POST /v1/jobs` that brings the archive. The archive becomes a source as with `POST /v1/sources`, and the job
 * builds its digest.
 */
export function jobForm(deps: JobFormDeps): BodyForm<JobRequest> {
  return {
    description:
      'The job and its archive in one request: the part `job`, then the part `source`. The archive becomes a source of the tenant, as if uploaded before.',
    parts: z
      .strictObject({
        job: jobPartSchema,
        source: z.string().meta({ format: 'binary' }).describe('A tar, or a tar.gz'),
      })
      .meta({ id: 'JobUpload' }),
    types: { job: 'application/json', source: 'application/x-tar, application/gzip' },
    async receive(req, res, bodies) {
      let giveBack = () => {};
      try {
        const keepInMemory = async (bytes: number) => {
          if (bytes > smallBodyBytes) giveBack = await bodies.reserveMemory(res, bytes);
        };
        return { ...(await receiveForm(req, res, { ...deps, keepInMemory })), giveBack };
      } catch (error) {
        giveBack();
        if (!req.complete) lingerThenClose(req, res);
        throw error;
      }
    },
  };
}

/** Throws the errors of `readForm`, `checkAllowed`, `resolveSecrets`, `takeOwn` and `parseJson`; the tenant gets no source then. */
async function receiveForm(
  req: Request,
  res: Response,
  { sources, owners, maxPayloadBytes, keepInMemory }: ReceiveFormDeps,
) {
  const account = accountOf(res);
  const signal = closedSignal(res);
  const pieces = readForm({
    request: req,
    parts: 2,
    maxBytes: maxPayloadBytes + usualJsonBytes + framingBytes,
  });
  try {
    const text = await readJobPart(pieces);
    await keepInMemory(text.length);
    const job = validate(jobPartSchema, parseJson({ bytes: text, bounds, what: 'The part `job`' }), 'job');
    // Checked before the archive is received.
    checkAllowed({ ...job, priority: job.priority ?? usualPriority(account) }, account);
    resolveSecrets(job.secrets, account.name);
    const ingest = (room: SourceRoom) =>
      sources.ingest(contentOf(pieces), {
        signal,
        room: {
          grow: (bytes) => room.grow(bytes),
          async admit(info) {
            // The rest of the form may follow the end of a tar.gz; an incomplete form stores nothing.
            while (!(await pieces.next()).done);
            await room.admit(info);
          },
        },
      });
    const { digest } = await takeOwn(account, { owners }, ingest, { signal });
    return {
      body: { ...job, source: { digest } },
      digest: createHash('sha256').update(text).update(digest).digest('hex'),
    };
  } finally {
    // After a disconnect the rest of the body is not awaited.
    if (!signal.aborted) await pieces.return();
  }
}

/** Returns the bytes of the part `job`, and stops at the start of the part `source`. */
async function readJobPart(pieces: Pieces): Promise<Buffer> {
  const bytes: Buffer[] = [];
  let size = 0;
  let expected: 'job' | 'source' = 'job';
  for (;;) {
    const { value: piece } = await pieces.next();
    if (piece === undefined) throw misplaced(expected, 'There is none');
    if ('part' in piece) {
      if (piece.part !== expected) throw misplaced(expected, `There is ${nameOf(piece.part)} in its place`);
      if (expected === 'source') return Buffer.concat(bytes);
      expected = 'source';
    } else {
      size += piece.bytes.length;
      if (size > usualJsonBytes) {
        throw new SlipwayError('body_too_large', `The part \`job\` is larger than ${usualJsonBytes} bytes.`);
      }
      bytes.push(piece.bytes);
    }
  }
}

/** Yields the bytes of the current part, which must be the last part of the form. An early stop leaves the rest of the form unread. */
async function* contentOf(pieces: Pieces): AsyncGenerator<Buffer, void> {
  for (;;) {
    const { value: piece } = await pieces.next();
    if (piece === undefined) return;
    if ('bytes' in piece) yield piece.bytes;
  }
}

const shownCharacters = 64;
const nameOf = (part: string) =>
  part === '' ? 'one without a name' : `\`${part.slice(0, shownCharacters)}\``;

const misplaced = (expected: string, what: string) =>
  new SlipwayError('request_invalid', `The part \`${expected}\` is missing or out of order. ${order}`, {
    errors: [{ path: `/${expected}`, message: what }],
  });
