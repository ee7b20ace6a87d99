import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Secret } from '@slipway/shared/config';
import { type ErrorCode, errorRow } from '@slipway/shared/errors';
import {
  contextOfPayloads,
  digestOf,
  hostileArchives,
  hostilePayloads,
  hugeArchives,
} from '@slipway/shared/hostile';
import { formatSignature, payloadHmac, signatureHeader } from '@slipway/shared/signing';

interface Target {
  /** Of an API. */
  readonly url: string;
  readonly token: string;
  readonly payloadSecret: string;
  readonly note: (text: string) => void;
}

interface Told {
  /** Uploads with another answer than they should have. */
  readonly wrong: number;
  readonly sent: number;
  /** The digests of those that were taken. */
  readonly taken: readonly string[];
}

/** Uploads the corpus of archives, and compares each answer with what it should be. `long`: those too that must come whole. */
export async function uploadArchives(target: Target, { long }: { readonly long: boolean }): Promise<Told> {
  const taken: string[] = [];
  const small = hostileArchives().map((each) => ({ ...each, open: () => Readable.from([each.archive]) }));
  const huge = hugeArchives().filter(({ isLong }) => long || !isLong);
  let wrong = 0;
  for (const { name, standsFor, expected, open } of [...small, ...huge]) {
    const { status, body } = await post(`${target.url}/v1/sources`, open(), {
      authorization: `Bearer ${target.token}`,
      'content-type': 'application/x-tar',
    });
    if (typeof expected !== 'string') taken.push(digestOf(expected));
    const isRight =
      typeof expected === 'string'
        ? isRefusal({ status, body }, expected)
        : status < 300 && body.digest === digestOf(expected);
    if (isRight) continue;
    wrong++;
    target.note(`${name} (${standsFor}) was answered with ${status} ${body.code ?? body.digest}`);
  }
  return { wrong, sent: small.length + huge.length, taken };
}

/** Sends the corpus of payloads to `POST /build`, signed as they should be. A context is taken before its config is looked at. */
export async function sendPayloads(target: Target): Promise<Told> {
  let wrong = 0;
  const payloads = hostilePayloads();
  for (const { name, payload, expected } of payloads) {
    const hmac = payloadHmac(new Secret(target.payloadSecret)).update(payload);
    const answer = await post(`${target.url}/build`, Readable.from([payload]), {
      [signatureHeader]: formatSignature(hmac),
      'content-type': 'application/octet-stream',
    });
    if (isRefusal(answer, expected)) continue;
    wrong++;
    target.note(`${name} was answered with ${answer.status} ${answer.body.code}`);
  }
  return { wrong, sent: payloads.length, taken: [digestOf(contextOfPayloads)] };
}

interface Answer {
  /** 0 when the connection was closed without an answer. */
  readonly status: number;
  readonly body: { readonly code?: string; readonly digest?: string };
}

const isRefusal = ({ status, body }: Answer, code: ErrorCode) =>
  body.code === code && status === errorRow(code).status;

/** Sends a body until it is answered, however early that is. */
async function post(url: string, body: Readable, headers: Record<string, string>): Promise<Answer> {
  const sending = request(url, { method: 'POST', headers });
  const answer = new Promise<IncomingMessage | undefined>((resolve) => {
    sending.once('response', resolve);
    // Once it is answered, how the rest of the body fares does not matter.
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

function parsed(json: string): Answer['body'] {
  try {
    return JSON.parse(json) as Answer['body'];
  } catch {
    return {};
  }
}
