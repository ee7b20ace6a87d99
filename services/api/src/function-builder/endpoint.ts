import { hash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildClients, WaitingClient } from '@slipway/control-plane/jobs';
import type { Fields } from '@slipway/shared/config';
import { buildOptionsOf, type JobRequest, jobRequestSchema } from '@slipway/shared/contracts';
import { SlipwayError, toProblem } from '@slipway/shared/errors';
import {
  type Answer,
  BufferedAnswer,
  parseBuildConfig,
  StreamedAnswer,
} from '@slipway/shared/function-builder';
import { clientNetwork } from '@slipway/shared/http';
import { signatureHeader } from '@slipway/shared/signing';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { closedSignal, isSent, lingerThenClose } from '../http/connection.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { validate } from '../http/validate.js';
import { admissionErrors } from '../jobs/errors.js';
import { contextErrors } from '../jobs/resolve/context.js';
import { type SubmitDeps, submitJob } from '../jobs/submit.js';
import type { RequestRate } from '../limits/request-rate.js';
import type { ReplicatedWrites } from '../replication/replicated-writes.js';
import { archiveErrors } from '../sources/errors.js';
import { type Principal, payloadSecretId } from '../tenants/directory.js';
import { type ProgressDeps, resultOf, watchJob } from './progress.js';
import { type ReceiveDeps, type ReceivedPayload, receivePayload } from './receive.js';

/** A result of the Function Builder API, or a line of its stream (protocol.md). */
const builderResultSchema = z
  .object({
    status: z.enum(['in_progress', 'success', 'failed']),
    log: z.array(z.string()).optional(),
    image: z.string().optional(),
    error: z.string().optional().describe('Reason of the failure'),
    code: z.string().optional().describe('A code of docs/errors.md'),
    digest: z.string().optional().describe('Digest of the pushed manifest'),
    duration: z.number().optional().describe('Seconds'),
  })
  .meta({ id: 'BuilderResult' });

export interface BuildConfig {
  /** True if a build is canceled when the client of its `POST /build` disconnects. */
  readonly cancelOnDisconnect: boolean;
  /** Milliseconds that such a client has to come back before that. */
  readonly disconnectWaitMs: number;
}

export function buildConfig(fields: Fields): BuildConfig {
  const action = fields.oneOf('BUILD_ON_DISCONNECT', {
    doc: '`cancel` cancels the build of a `POST /build` whose client disconnects; `continue` builds it',
    values: ['cancel', 'continue'],
    default: 'cancel',
  });
  return {
    cancelOnDisconnect: action === 'cancel',
    disconnectWaitMs: fields.int('DISCONNECT_WAIT_MS', {
      doc: 'How long such a client can come back with the same request before its build is canceled; 0 cancels at once',
      default: 10_000,
      max: 3_600_000,
      min: 0,
    }),
  };
}

export interface FunctionBuilderDeps
  extends ReceiveDeps,
    BuildConfig,
    ProgressDeps,
    Omit<SubmitDeps, 'sources' | 'store'> {
  readonly sources: ReceiveDeps['sources'] & SubmitDeps['sources'];
  readonly store: SubmitDeps['store'];
  readonly clients: Pick<BuildClients, 'join' | 'enter' | 'keep' | 'leave' | 'cancel'>;
  readonly requestRate: Pick<RequestRate, 'count'>;
  readonly replicated: Pick<ReplicatedWrites, 'confirm'>;
  /** Aborted when the remaining open answers must end. */
  readonly closing: AbortSignal;
}

/** Milliseconds between two heartbeats in a stream. */
const heartbeatMs = 15_000;
const tarTypes = ['application/octet-stream', 'application/x-tar', 'application/x-www-form-urlencoded'];

/** Returns the endpoint for `POST /build` of the Function Builder API (protocol.md), in front of the whole fleet. */
export function functionBuilderEndpoint(deps: FunctionBuilderDeps): Endpoint {
  return endpoint(
    {
      id: 'build',
      method: 'post',
      path: '/build',
      scope: 'none',
      tag: 'Function Builder',
      summary: 'Build through the queue, with the API of a builder replica',
      description:
        'Takes requests of Function Builder API clients unmodified. The payload becomes a source and a regular job. ' +
        'The answer comes when the job has ended, or with `Accept: application/x-ndjson` while the job runs. ' +
        'A stream always has the status 200: its last line reports whether the build failed. ' +
        'A client that lost its connection sends the same request again within five minutes, and attaches to its job. ' +
        'The job of a client that disconnects is canceled after `DISCONNECT_WAIT_MS`, unless `BUILD_ON_DISCONNECT` is `continue`.',
      stream: { types: tarTypes, description: 'The payload: a tar' },
      headers: { 'X-Build-Signature': '`sha256=<hex HMAC-SHA256 of the body>`, in place of a token' },
      answers: {
        200: {
          description:
            'The image was built. In a stream, `status` of the last line reports success or failure',
          content: { 'application/json': builderResultSchema, 'application/x-ndjson': builderResultSchema },
        },
        500: {
          description: 'The build failed. `code` and `error` give the reason',
          content: { 'application/json': builderResultSchema },
        },
        503: {
          description: 'The API is stopping. The job continues; `error` has its id',
          content: { 'application/json': builderResultSchema },
        },
      },
      errorSchema: 'BuilderResult',
      errors: [
        'signature_missing',
        'signature_invalid',
        'too_many_failures',
        'request_invalid',
        'json_invalid',
        'json_too_complex',
        ...archiveErrors,
        ...contextErrors,
        'image_invalid',
        'secrets_invalid',
        'platform_unsupported',
        'source_not_found',
        ...admissionErrors,
        'rate_limited',
        'redis_not_replicated',
        'draining',
      ],
    },
    async ({ req, res }) => {
      const payload = await receive(req, res, deps);
      const principal: Principal = { account: payload.tenant, scopes: [], token: payloadSecretId };
      res.locals.principal = principal;
      await deps.requestRate.count(payload.tenant, res);
      const waiting = await enter(payload, deps);
      res.set('X-Slipway-Job', waiting.jobId);
      await deps.replicated.confirm(waiting.jobId);
      const stopKeeping = deps.clients.keep(waiting);
      try {
        await answerJob(waiting, answerTo(req, res), res, deps);
      } finally {
        stopKeeping();
      }
    },
  );
}

async function receive(req: Request, res: Response, deps: FunctionBuilderDeps): Promise<ReceivedPayload> {
  try {
    if (deps.stopping.aborted) throw new SlipwayError('draining');
    const signature = req.get(signatureHeader);
    if (signature === undefined) throw new SlipwayError('signature_missing');
    return await receivePayload({
      ...deps,
      request: req,
      signature,
      network: clientNetwork(req),
      signal: closedSignal(res),
    });
  } catch (error) {
    if (!req.complete) lingerThenClose(req, res);
    throw error;
  }
}

/** Joins the job of an equal request whose client has no result yet, or submits a new job. */
async function enter(payload: ReceivedPayload, deps: FunctionBuilderDeps): Promise<WaitingClient> {
  const request = digestOf(payload);
  const client = randomUUID();
  const joined = await deps.clients.join(request, client);
  if (joined !== undefined) return { request, client, jobId: joined };
  const { id: jobId } = await submitJob(requestOf(payload), payload.tenant, deps);
  const waiting = { request, client, jobId };
  await deps.clients.enter(waiting);
  return waiting;
}

/** Returns a digest of all that a request asks for. Times and order of files in the tar do not count. */
function digestOf({ tenant, digest, config, secrets }: ReceivedPayload): string {
  const parts = [tenant.name, digest, config.toString('base64'), secrets?.toString('base64')];
  return hash('sha256', JSON.stringify(parts));
}

function requestOf({ digest, config, secrets }: ReceivedPayload): JobRequest {
  const { image, buildArgs, platforms, push, sbom, provenance, options } = parseBuildConfig(config);
  const { labels, noCache, tags, ...others } = options;
  const request = {
    image,
    source: { digest },
    build_args: buildArgs,
    platforms,
    push,
    sbom,
    provenance,
    ...buildOptionsOf({ ...others, tags: [...tags], image_labels: labels, no_cache: noCache }),
    ...(secrets && { secrets: secrets.toString('utf8') }),
  };
  return validate(jobRequestSchema, request, 'body');
}

function answerTo(req: Request, res: Response): Answer {
  const wantsStream = req.get('accept')?.includes('application/x-ndjson') ?? false;
  return wantsStream ? new StreamedAnswer({ res, heartbeatMs }) : new BufferedAnswer({ res });
}

async function answerJob(
  waiting: WaitingClient,
  answer: Answer,
  res: Response,
  deps: FunctionBuilderDeps,
): Promise<void> {
  const { jobId } = waiting;
  const closed = closedSignal(res);
  const signal = AbortSignal.any([closed, deps.closing]);
  const goesOn = `The job ${jobId} continues: GET /v1/jobs/${jobId} reports its result.`;
  // Clients treat a stream without a result as a success.
  const ended = await watchJob({ ...deps, jobId, answer, signal }).catch((error: unknown) => {
    const { code, detail } = toProblem(error);
    if (res.headersSent)
      answer.end({ status: 'failed', error: `${detail.replace(/\.?$/, '.')} ${goesOn}`, code });
    throw error;
  });
  if (ended) {
    answer.end(resultOf(ended));
    return await deps.clients.leave(waiting, await isSent(res, closed));
  }
  if (closed.aborted) return await cancelUnlessBack(waiting, deps);
  answer.end({ status: 'failed', error: `This process is shutting down. ${goesOn}`, code: 'draining' });
  await deps.clients.leave(waiting, false);
}

/** Cancels the job of a client that disconnected and does not come back. An API that stops cancels nothing: its proxy may have cut the connection. */
async function cancelUnlessBack(waiting: WaitingClient, deps: FunctionBuilderDeps): Promise<void> {
  const { cancelOnDisconnect, disconnectWaitMs, stopping, clients } = deps;
  if (!cancelOnDisconnect) return await clients.leave(waiting, false);
  await sleep(disconnectWaitMs, undefined, { signal: stopping }).catch(() => undefined);
  if (!stopping.aborted) await clients.cancel(waiting);
}
