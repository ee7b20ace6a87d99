import { SlipwayError } from '@slipway/shared/errors';
import { z } from 'zod';
import type { RegistryCredentials } from '../join/credential-helper.js';
import { parseChallenges } from './challenge.js';
import { type RegistryAnswer, type RegistryRequest, sendRequest } from './request.js';
import { retryAfterMs } from './waits.js';

interface SignInOptions {
  /** The answer with the status 401. */
  readonly refusal: RegistryAnswer;
  /** Undefined for a host that gets no credentials. */
  readonly credentials: RegistryCredentials | undefined;
  /** The scope if the registry names none: `repository:<path>:pull`. */
  readonly scope: string;
  /** Opens the connection to the server of tokens. */
  readonly dispatcherOf: (url: URL) => RegistryRequest['dispatcher'];
  readonly signal: AbortSignal;
}

/** A value of the header `Authorization`. */
export interface Authorization {
  readonly value: string;
  /** When it ends, by `performance.now()`. Undefined if it does not end. */
  readonly endsAt: number | undefined;
}

/** Docker's name for an identity token in place of a password. */
const identityToken = '<token>';
const maxTokenBytes = 256 * 1024;
/** Lifetime of a token that names none (distribution's token specification). */
const usualSeconds = 60;

const tokenSchema = z.looseObject({
  token: z.string().min(1).optional(),
  access_token: z.string().min(1).optional(),
  expires_in: z.number().min(0).optional(),
});

/**
 * Returns the authorization for a challenge: Basic with the credentials, or a Bearer token from the server that the registry names (distribution's token
 * specification). Undefined when there is none. A registry over https cannot have a token server over plain http.
 */
export async function authorize(options: SignInOptions): Promise<Authorization | undefined> {
  const { refusal, credentials } = options;
  const challenges = parseChallenges(String(refusal.headers['www-authenticate'] ?? ''));
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.realm);
  if (bearer) return await fetchToken(bearer.parameters, options);
  if (!credentials || !challenges.some(({ scheme }) => scheme === 'basic')) return undefined;
  return { value: basic(credentials), endsAt: undefined };
}

async function fetchToken(
  { realm = '', service, scope: asked }: Readonly<Record<string, string>>,
  { refusal, credentials, scope: usualScope, dispatcherOf, signal }: SignInOptions,
): Promise<Authorization | undefined> {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  const isWeb = url?.protocol === 'https:' || (url?.protocol === 'http:' && refusal.url.protocol === 'http:');
  if (!url || !isWeb) throw protocol(`${refusal.url.host} names no server of tokens over https.`);
  url.username = '';
  url.password = '';
  const scope = asked || usualScope;
  const fields = { ...(service && { service }), scope };
  const common = { url, dispatcher: dispatcherOf(url), signal, maxBytes: maxTokenBytes };
  const refresh = credentials?.username === identityToken ? credentials.password : undefined;
  if (refresh === undefined)
    for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value);
  const answer = await sendRequest(
    refresh === undefined
      ? { ...common, method: 'GET', headers: credentials ? { authorization: basic(credentials) } : {} }
      : {
          ...{ ...common, method: 'POST' },
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({
            ...{ grant_type: 'refresh_token', client_id: 'slipway', refresh_token: refresh, ...fields },
          }).toString(),
        },
  );
  if (answer.status !== 200) {
    if (answer.status < 500 && answer.status !== 429) return undefined;
    const detail = `The server of tokens ${url.host} answered ${answer.status}.`;
    const code = answer.status === 429 ? 'pull_rate_limited' : 'registry_unreachable';
    const waitMs = retryAfterMs(answer.headers, Date.now());
    throw new SlipwayError(code, detail, waitMs === undefined ? {} : { retryAfter: waitMs / 1_000 });
  }
  return tokenOf(answer.body, url.host);
}

function tokenOf(body: Buffer, host: string): Authorization {
  const { data } = tokenSchema.safeParse(jsonOf(body));
  const token = data?.token ?? data?.access_token;
  // A header takes visible characters alone.
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token))
    throw protocol(`The server of tokens ${host} answered without a token.`);
  const seconds = Math.min(data?.expires_in ?? usualSeconds, 3_600);
  return { value: `Bearer ${token}`, endsAt: performance.now() + seconds * 900 };
}

const protocol = (detail: string) => new SlipwayError('registry_protocol', detail);

const basic = ({ username, password }: RegistryCredentials) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
