import type { Readable } from 'node:stream';
import { type ErrorCode, SlipwayError } from '@slipway/shared/errors';
import type { Dispatcher } from 'undici';
import { type BuildEnd, codeFrom, readAnswer } from './answer.js';

const readOnMs = 1_000;

interface ReadOptions {
  /** The image that was asked for. */
  readonly image: string;
  readonly onLog: (lines: readonly string[], line?: number) => void;
  readonly onDraining: () => void;
  readonly response: Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>;
}

/** Reads the answer of a replica. Throws the error for an answer that reports no build. */
export async function readResponse({ response, ...reading }: ReadOptions): Promise<BuildEnd> {
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

/** An answer ends after its last line, and its connection serves the next build. The connection of an answer that does not end is closed. */
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
  if (code === 'build_exists') return new SlipwayError('builder_lost', said);
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

export async function readText(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxProblemBytes) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Returns true for headers without end, or bytes that are no HTTP. */
export function isNotHttp(error: unknown): boolean {
  const { code = '' } = error as { code?: string };
  return code === 'UND_ERR_HEADERS_OVERFLOW' || code.startsWith('HPE_');
}
