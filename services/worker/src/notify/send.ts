import type { Secret } from '@slipway/shared/config';
import { type Dispatcher, request } from 'undici';

/** A POST, ready to be made. */
interface OutgoingRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The token of the request, which must not be stored if the answer repeats it. */
  readonly token?: Pick<Secret, 'reveal'> | undefined;
}

/** The outcome of a request: a status, or the error before there was one. */
export type SendOutcome =
  | {
      readonly status: number;
      readonly error?: undefined;
      /** Names in lower case. */
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      /** The beginning of the body, without control characters. */
      readonly response: string;
    }
  | {
      readonly status?: undefined;
      /** A short code, such as `ECONNREFUSED` or `timed_out`. It has no part of the request. */
      readonly error: string;
      readonly headers?: undefined;
      readonly response?: undefined;
    };

interface SendOptions {
  readonly request: OutgoingRequest;
  readonly dispatcher: Dispatcher;
  /** Ends the request, wherever it is by then. */
  readonly signal: AbortSignal;
}

/** Bytes of the answer's body that are read before the connection is closed. */
const maxResponseBytes = 16 * 1024;
const keptCharacters = 1_024;

/**
 * Makes the request, once. The status alone says how it went: redirects are not followed, and a body that breaks off, never ends or
 * says anything at all changes nothing. Does not throw.
 */
export async function send({ request: outgoing, dispatcher, signal }: SendOptions): Promise<SendOutcome> {
  const { url, headers, body } = outgoing;
  try {
    const response = await request(url, {
      method: 'POST',
      headers: { 'user-agent': 'Slipway', ...headers },
      body,
      dispatcher,
      signal,
    });
    return {
      status: response.statusCode,
      headers: response.headers,
      response: await beginning(response.body, outgoing.token),
    };
  } catch (error) {
    return { error: signal.aborted ? 'timed_out' : codeOf(error) };
  }
}

/** Returns as much of the body as the limits of size and time allow. */
async function beginning(
  body: AsyncIterable<Uint8Array>,
  token: Pick<Secret, 'reveal'> | undefined,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= maxResponseBytes) break;
    }
  } catch {
    // It broke off or took too long; the status has been said.
  }
  const whole = Buffer.concat(chunks).subarray(0, maxResponseBytes).toString('utf8');
  const text = token === undefined ? whole : whole.replaceAll(token.reveal(), '[token]');
  return Array.from(text.replace(unprintable, '\u{fffd}')).slice(0, keptCharacters).join('');
}

/** Control and format characters, which move the cursor or turn text around where it is shown; line feeds and tabs do no harm. */
const unprintable = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Returns the code of an error. Its message may hold a part of the request. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code, name } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string') return name;
  return timeouts.has(code) ? 'timed_out' : code;
}

const timeouts = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
