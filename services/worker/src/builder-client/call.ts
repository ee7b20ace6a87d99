import { Readable } from 'node:stream';
import {
  type BuilderFeature,
  buildIdHeader,
  isolationHeader,
  sharedMachineEngines,
} from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { signatureHeader } from '@slipway/shared/signing';
import { type TraceContext, type Tracing, traceHeaders } from '@slipway/shared/tracing';
import type { Payload } from '@slipway/source';
import { type Dispatcher, request } from 'undici';
import { reportedIdentity } from '../fleet/report.js';
import type { BuildEnd } from './answer.js';
import { isNotHttp, readResponse } from './response.js';
import { type CallSigner, signedRequest } from './signed-request.js';

interface CallOptions {
  /** The replica as it was announced: scheme, host and port, with a fragment for a pod. */
  readonly url: string;
  /** The image that it is to build. */
  readonly image: string;
  readonly payload: Payload;
  /** `sha256=…` over the payload. */
  readonly signature: string;
  /** The builder must refuse the build unless its engine isolates builds from the machine. */
  readonly needsIsolation: boolean;
  /** A feature that the builder must have: the build is broken off when its answer does not name it. */
  readonly needsFeature: BuilderFeature | undefined;
  readonly timeoutMs: number;
  /** The id of the build and what signs this call, for a replica that keeps builds; else undefined. */
  readonly kept: (CallSigner & { readonly buildId: string }) | undefined;
  readonly signal: AbortSignal;
  readonly dispatcher: Dispatcher;
  readonly onLog: (lines: readonly string[], line?: number) => void;
  /** Called when the replica has the payload and begins to build. */
  readonly onBegun: () => void;
  /** Called when the replica reports during the build that it drains. */
  readonly onDraining: () => void;
  /** The parent of the replica's own spans. */
  readonly traceContext: TraceContext | undefined;
  readonly tracing: Tracing;
}

/**
 * Calls a replica: `POST /build` with NDJSON (protocol.md). Returns the end of the build, also of one that ran and failed.
 *
 * Throws `builder_busy`, `builder_draining`, `engine_unreachable`, `builder_not_isolated`, `builder_without_options` or `builder_unreachable` if the replica did not take the build.
 * Throws `builder_lost` or `builder_protocol` if it took the build and did not report the end. Throws the signal's reason
 * when the signal is aborted, and the code of the payload's own error.
 */
export async function callBuilder(options: CallOptions): Promise<BuildEnd> {
  const { url, image, payload, signal, tracing, onLog, onBegun, onDraining } = options;
  let handedOver = 0;
  let unreadable: SlipwayError | undefined;
  const body = async function* () {
    handedOver = 0;
    try {
      for await (const chunk of payload.stream()) {
        handedOver += chunk.length;
        yield chunk;
      }
    } catch (error) {
      if (error instanceof SlipwayError) unreadable = error;
      throw error;
    }
  };
  try {
    const response = await post(options, () => Readable.from(body(), { objectMode: false }));
    return await tracing.span({ name: 'stream answer' }, async (span) => {
      span.set({ 'http.response.status_code': response.statusCode });
      const unfit = response.statusCode < 300 && unfitness(options, reportedIdentity(response.headers));
      if (unfit) {
        response.body.on('error', () => undefined).destroy();
        throw unfit;
      }
      if (response.statusCode < 300) onBegun();
      return await readResponse({ response, image, onLog, onDraining });
    });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    // The replica may have answered that the payload breaks off.
    if (unreadable) throw unreadable;
    if (error instanceof SlipwayError) throw error;
    const message =
      error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code : String(error);
    if (isNotHttp(error)) throw new SlipwayError('builder_protocol', `${url}: ${message}`, { cause: error });
    // A replica that breaks off before it has the whole payload has not begun to build.
    const sent = handedOver === payload.length;
    throw new SlipwayError(sent ? 'builder_lost' : 'builder_unreachable', `${url}: ${message}`, {
      cause: error,
    });
  }
}

async function post(options: CallOptions, body: () => Readable): Promise<Dispatcher.ResponseData> {
  const { url, payload, signature, timeoutMs, kept, needsIsolation, traceContext, signal, dispatcher } =
    options;
  const sent = () => ({
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(payload.length),
      accept: 'application/x-ndjson',
      [signatureHeader]: signature,
      'x-slipway-timeout-ms': String(timeoutMs),
      ...(kept && { [buildIdHeader]: kept.buildId }),
      ...(needsIsolation && { [isolationHeader]: 'required' }),
      ...traceHeaders(traceContext),
    },
    body: body(),
    signal,
    dispatcher,
    // The attempt has a time limit of its own; a build may be silent for long.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const [method, path] = ['POST', '/build'] as const;
  if (!kept) return await request(new URL(path, url), { method, ...sent() });
  const call = { method, path, buildId: kept.buildId, payloadSignature: signature };
  return await signedRequest({ ...kept, url, call, options: sent });
}

/** Returns why a replica that has begun the build must not go on. */
function unfitness(
  { url, needsIsolation, needsFeature }: CallOptions,
  { engine, features }: ReturnType<typeof reportedIdentity>,
): SlipwayError | undefined {
  if (needsIsolation && sharedMachineEngines.some((name) => name === engine))
    return new SlipwayError('builder_not_isolated', `${url} builds with ${engine}.`);
  if (needsFeature !== undefined && !features.includes(needsFeature))
    return new SlipwayError('builder_without_options', `${url} does not report the feature ${needsFeature}.`);
  return undefined;
}
