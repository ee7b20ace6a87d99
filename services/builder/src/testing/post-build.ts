import type { BuilderResult } from '@slipway/shared/contracts';
import { signatureOf } from './payload.js';

interface PostOptions {
  readonly url: string;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Sends a payload, signed, as clients do. */
export function postBuild({ url, body, headers = {}, signal }: PostOptions): Promise<Response> {
  return fetch(`${url}/build`, {
    method: 'POST',
    headers: {
      'X-Build-Signature': signatureOf(body),
      'Content-Type': 'application/octet-stream',
      ...headers,
    },
    body: new Uint8Array(body),
    ...(signal && { signal }),
  });
}

export const streamed = { Accept: 'application/x-ndjson' };

export async function resultOf(response: Response): Promise<BuilderResult> {
  return (await response.json()) as BuilderResult;
}

/** The lines of a streamed answer, as they come. */
export async function* linesOf(response: Response): AsyncGenerator<BuilderResult & { bytes: number }> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts)
      yield { ...(JSON.parse(part) as BuilderResult), bytes: Buffer.byteLength(part) };
  }
  if (rest !== '') throw new Error(`the stream ended in mid-line: ${rest}`);
}
