import type { IncomingHttpHeaders } from 'node:http';
import { connectionReason } from '@slipway/client';

/** The answer of a program to a forwarded message. */
export interface Forwarded {
  /** The HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  readonly durationMs: number;
  /** The reason why there was no answer. */
  readonly error: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Forward {
  readonly to: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** Milliseconds; a little less than the sender waits. */
const timeoutMs = 14_000;
/** Limit of the answer's size; the sender reads no more. */
const maxBytes = 16 * 1024;
/** Headers of one connection (RFC 9110, 7.6.1), and headers that `fetch` sets. */
const ownHeaders = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['host', 'content-length', 'expect', 'accept-encoding'],
]);
/** Headers that the sender of webhooks reads. */
const answerHeaders = ['content-type', 'retry-after', 'location'];

/** Forwards a message with its headers, so that the program can verify its signature. Never throws. */
export async function forward({ to, headers, body, signal }: Forward): Promise<Forwarded> {
  const began = performance.now();
  const took = () => Math.round(performance.now() - began);
  const timeout = AbortSignal.timeout(timeoutMs);
  const sent = Object.entries(headers).flatMap(([name, value]) =>
    ownHeaders.has(name) || value === undefined ? [] : [[name, String(value)] as const],
  );
  try {
    const answer = await fetch(to, {
      method: 'POST',
      headers: Object.fromEntries(sent),
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout]),
    });
    const text = await head(answer);
    const kept = answerHeaders.flatMap((name) => {
      const value = answer.headers.get(name);
      return value === null ? [] : [[name, value] as const];
    });
    return {
      ...{ status: answer.status, durationMs: took(), error: undefined },
      ...{ headers: Object.fromEntries(kept), body: bodiless.has(answer.status) ? '' : text },
    };
  } catch (error) {
    const why = timeout.aborted ? `no answer within ${timeoutMs / 1_000} s` : connectionReason(error);
    return { status: undefined, durationMs: took(), error: why, headers: {}, body: '' };
  }
}

const bodiless = new Set([204, 205, 304]);

/** Returns the beginning of the body, without reading the rest. */
async function head({ body }: Response): Promise<string> {
  if (!body) return '';
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= maxBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxBytes).toString();
}
