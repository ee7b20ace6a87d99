import { Readable } from 'node:stream';
import { type BuilderFeature, isolationHeader, sharedMachineEngines } from '@slipway/shared/contracts';
import { type ErrorCode, SlipwayError } from '@slipway/shared/errors';
import { type TraceContext, type Tracing, traceHeaders } from '@slipway/shared/tracing';
import type { Payload } from '@slipway/source';
import { type Dispatcher, request } from 'undici';
import { reportedIdentity } from '../fleet/report.js';
import { type BuildEnd, codeFrom, readAnswer } from './answer.js';

const readOnMs = 1_000;

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
  readonly signal: AbortSignal;
  readonly dispatcher: Dispatcher;
  readonly onLog: (lines: readonly string[]) => void;
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
  const { url, image, payload, signature, timeoutMs, signal, dispatcher, tracing } = options;
  const { onLog, onDraining } = options;
  let handedOver = 0;
  let unreadable: SlipwayError | undefined;
  const body = async function* () {
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
    const response = await request(new URL('/build', url), {
      method: 'POST',
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(payload.length),
        accept: 'application/x-ndjson',
        'x-build-signature': signature,
        'x-slipway-timeout-ms': String(timeoutMs),
        ...(options.needsIsolation && { [isolationHeader]: 'required' }),
        ...traceHeaders(options.traceContext),
      },
      body: Readable.from(body(), { objectMode: false }),
      signal,
      dispatcher,
      // The attempt has a time limit of its own; a build may be silent for long.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    return await tracing.span({ name: 'stream answer' }, async (span) => {
      span.set({ 'http.response.status_code': response.statusCode });
      const unfit = response.statusCode < 300 && unfitness(options, reportedIdentity(response.headers));
      if (unfit) {
        response.body.on('error', () => undefined).destroy();
        throw unfit;
      }
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

/** Headers without end, or bytes that are no HTTP. */
function isNotHttp(error: unknown): boolean {
  const { code = '' } = error as { code?: string };
  return code === 'UND_ERR_HEADERS_OVERFLOW' || code.startsWith('HPE_');
}

interface ReadOptions extends Pick<CallOptions, 'image' | 'onLog' | 'onDraining'> {
  readonly response: Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>;
}

async function readResponse({ response, ...reading }: ReadOptions): Promise<BuildEnd> {
  const { statusCode: status, headers, body } = response;
  const type = String(headers['content-type'] ?? '');
  const problem = type.startsWith('application/problem+json');
  // A failed build may be a 500 whose JSON says so: the body is read before the status counts.
  if (status === 200 || status === 202 || (status === 500 && type.includes('json') && !problem)) {
    // The reader below sees each error. Without this listener an error after the last read would end the process.
    body.on('error', () => undefined);
    try {
      const chunks = body.iterator({ destroyOnReturn: false });
      const end = await readAnswer({ body: chunks, ndjson: type.includes('ndjson'), ...reading });
      readOn(body);
      return end;
    } catch (error) {
      body.destroy();
      throw error;
    }
  }
  const text = await readText(body);
  const { code, detail } = type.includes('json')
    ? parseRefusal(text)
    : { code: undefined, detail: text.trim().slice(0, 300) };
  throw refusal(status, code, detail);
}

/** After its last line an answer ends, and the connection serves the next build; one that does not end is broken off. */
function readOn(body: Readable): void {
  if (body.closed) return;
  const tooLong = setTimeout(() => body.destroy(), readOnMs);
  body.on('close', () => clearTimeout(tooLong));
  body.resume();
}

/** Returns the error for an answer that reports no build. */
function refusal(status: number, code: ErrorCode | undefined, detail: string): SlipwayError {
  const said =
    detail === '' ? `The builder answered ${status}.` : `The builder answered ${status}: ${detail}`;
  if (status === 429) return new SlipwayError('builder_busy', said);
  if (status === 503 && (code === 'builder_draining' || code === 'engine_unreachable'))
    return new SlipwayError(code, said);
  // Without a reason it may be a proxy before a replica that is gone.
  if (status === 503 || status === 502 || status === 504)
    return new SlipwayError('builder_unreachable', said);
  if (status === 401 || status === 403) return new SlipwayError('signature_rejected', said);
  if (status === 400 && code === 'body_incomplete') return new SlipwayError('builder_lost', said);
  if (status >= 400 && status < 500) return new SlipwayError(code ?? 'source_invalid', said);
  return new SlipwayError('builder_protocol', said);
}

/** A builder reports a refusal as `{status: "failed", error, code}` or, an older one, as a problem. */
function parseRefusal(text: string): { code: ErrorCode | undefined; detail: string } {
  try {
    const { code, detail, error } = JSON.parse(text) as { code?: string; detail?: string; error?: string };
    return { code: codeFrom(code), detail: String(detail ?? error ?? '').slice(0, 300) };
  } catch {
    return { code: undefined, detail: text.slice(0, 300) };
  }
}

const maxProblemBytes = 64 * 1024;

async function readText(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxProblemBytes) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
