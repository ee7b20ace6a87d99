import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { SlipwayError } from '@slipway/shared/errors';
import { type Dispatcher, request } from 'undici';
import { registryError } from '../join/registry-error.js';

export interface RegistryRequest {
  readonly url: URL;
  readonly method: 'HEAD' | 'GET' | 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  /** Limit of the body of an answer with the status 200. Other bodies are not read. */
  readonly maxBytes: number;
}

export interface RegistryAnswer {
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty unless the status is 200. */
  readonly body: Buffer;
}

/** Sends a request to a registry, and follows no redirect. Throws errors of the table for a connection that fails, and for a body beyond the limit. */
export async function sendRequest(options: RegistryRequest): Promise<RegistryAnswer> {
  const { url, method, headers, dispatcher, signal, maxBytes } = options;
  try {
    const { body: sent } = options;
    const {
      statusCode,
      headers: answered,
      body,
    } = await request(url, {
      ...{ method, dispatcher, signal, ...(sent !== undefined && { body: sent }) },
      headers: { 'user-agent': 'Slipway', ...headers },
    });
    if (statusCode !== 200 || method === 'HEAD') {
      await body.dump({ limit: 16 * 1024 }).catch(() => undefined);
      return { url, status: statusCode, headers: answered, body: Buffer.alloc(0) };
    }
    return { url, status: statusCode, headers: answered, body: await bounded(body, url, maxBytes) };
  } catch (error) {
    if (signal.aborted && signal.reason instanceof Error && signal.reason.name === 'TimeoutError')
      throw new SlipwayError('registry_unreachable', `${url.host}: no answer in time`, { cause: error });
    throw registryError({ host: url.host, action: method === 'PUT' ? 'push' : 'read', error });
  }
}

async function bounded(body: AsyncIterable<Uint8Array>, url: URL, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      const detail = `${url.host} answered with more than ${maxBytes} bytes.`;
      throw new SlipwayError('registry_protocol', detail);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export const sha256Of = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
