import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type ErrorCode, errorRow } from '@slipway/shared/errors';

export interface PostAnswer {
  /** 0 when the connection was closed without an answer. */
  readonly status: number;
  readonly body: { readonly code?: string; readonly digest?: string };
}

interface PostOptions {
  readonly url: string;
  readonly body: Readable | Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** Returns true when an answer has this code and the status of that code. */
export const isRefusal = ({ status, body }: PostAnswer, code: ErrorCode) =>
  body.code === code && status === errorRow(code).status;

/** Sends a body until the answer comes, however early that is. */
export async function post({ url, body: content, headers }: PostOptions): Promise<PostAnswer> {
  const body = content instanceof Readable ? content : Readable.from([content]);
  const sending = request(url, { method: 'POST', headers });
  const answer = new Promise<IncomingMessage | undefined>((resolve) => {
    sending.once('response', resolve);
    // An error after the answer does not matter: the rest of the body is not needed.
    sending.on('error', () => resolve(undefined));
  });
  body.on('error', () => undefined).pipe(sending);
  try {
    const response = await answer;
    if (!response) return { status: 0, body: {} };
    return { status: response.statusCode ?? 0, body: parsed(await text(response)) };
  } finally {
    body.unpipe(sending);
    body.destroy();
    sending.destroy();
  }
}

function parsed(json: string): PostAnswer['body'] {
  try {
    return JSON.parse(json) as PostAnswer['body'];
  } catch {
    return {};
  }
}
