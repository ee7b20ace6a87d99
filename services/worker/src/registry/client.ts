import { SlipwayError } from '@slipway/shared/errors';
import { allowsPlainHttp, isLoopbackRegistry } from '@slipway/shared/registry-hosts';
import type { RegistryCredentials } from '../join/credential-helper.js';
import { credentialsFor } from '../join/credentials.js';
import type { RegistryConfig } from './config.js';
import type { Place } from './place.js';
import type { Reach } from './reach.js';
import { type RegistryAnswer, sendRequest } from './request.js';
import { type Authorization, authorize } from './tokens.js';

interface RegistryClientOptions {
  readonly registries: RegistryConfig;
  readonly reach: Pick<Reach, 'dispatcher'>;
}

type ManifestRequest = {
  readonly place: Place;
  /** A tag or a digest. */
  readonly name: string;
  readonly signal: AbortSignal;
} & Action;

type Action =
  | { readonly method: 'HEAD' | 'GET' }
  | { readonly method: 'PUT'; readonly body: string; readonly mediaType: string };

/** A registry as one request meets it. */
interface Session {
  readonly place: Place;
  readonly origin: string;
  readonly credentials: RegistryCredentials | undefined;
  /** The origin that the operator named, if this registry is one. */
  readonly trusted: string | undefined;
  readonly signal: AbortSignal;
}

export const manifestTypes: readonly string[] = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
/** Limit of a manifest (OCI distribution specification: registries should take 4 MiB). */
const maxManifestBytes = 4 * 1024 * 1024;
const maxRedirects = 4;
const redirects = new Set([301, 302, 303, 307, 308]);
/** Limit of tokens that are kept. */
const maxTokens = 500;

/** Reads and puts manifests (OCI distribution specification), with the credentials there are for each registry. */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  readonly #tokens = new Map<string, Authorization>();

  constructor(options: RegistryClientOptions) {
    this.#options = options;
  }

  /**
   * Returns the answer for a manifest, with any status but that of a redirect. A redirect to another host gets no credentials of the registry, and one from https to
   * plain http is refused. Throws errors of the table when there is no answer, or none that can be used.
   */
  async manifest({ place, name, signal, ...action }: ManifestRequest): Promise<RegistryAnswer> {
    const session = await this.#session(place, signal);
    let url = new URL(`${session.origin}/v2/${place.path}/manifests/${name}`);
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const answer = await this.#signedIn(url, action, session);
      if (!redirects.has(answer.status)) return answer;
      url = redirected(answer);
    }
    throw new SlipwayError('registry_protocol', `The registry ${place.host} answers with redirects alone.`);
  }

  async #session(place: Place, signal: AbortSignal): Promise<Session> {
    const { insecureRegistries, dockerConfig: folder, helperEnv } = this.#options.registries;
    const isPlain = isLoopbackRegistry(place.address) || allowsPlainHttp(insecureRegistries, place.address);
    const { origin } = new URL(`${isPlain ? 'http' : 'https'}://${place.address}`);
    const credentials = await credentialsFor({ registry: place.host, folder, helperEnv });
    const named = insecureRegistries.filter((each) => each !== '*');
    const isTrusted = credentials !== undefined || allowsPlainHttp(named, place.address);
    return { place, origin, credentials, trusted: isTrusted ? origin : undefined, signal };
  }

  /** Sends a request, and once more with an authorization if the registry asks for one. */
  async #signedIn(url: URL, action: Action, session: Session): Promise<RegistryAnswer> {
    const { reach } = this.#options;
    const { place, trusted, signal } = session;
    const isOwn = url.origin === session.origin;
    const credentials = isOwn ? session.credentials : undefined;
    const dispatcherOf = (to: URL) => reach.dispatcher(to, trusted);
    const send = (authorization: string | undefined) =>
      sendRequest({
        ...{ url, method: action.method, signal, dispatcher: dispatcherOf(url), maxBytes: maxManifestBytes },
        ...(action.method === 'PUT' && { body: action.body }),
        headers: { ...headersOf(action), ...(authorization && { authorization }) },
      });
    const rights = action.method === 'PUT' ? 'pull,push' : 'pull';
    const key = `${url.origin} ${place.path} ${rights} ${credentials?.username ?? ''}`;
    const kept = this.#kept(key);
    const first = await send(kept?.value);
    if (first.status !== 401) return first;
    this.#tokens.delete(key);
    const scope = `repository:${place.path}:${rights}`;
    const granted = await authorize({ refusal: first, credentials, scope, dispatcherOf, signal });
    if (!granted) return first;
    const second = await send(granted.value);
    if (second.status !== 401 && granted.endsAt !== undefined) this.#keep(key, granted);
    return second;
  }

  #kept(key: string): Authorization | undefined {
    const kept = this.#tokens.get(key);
    return kept?.endsAt !== undefined && kept.endsAt > performance.now() ? kept : undefined;
  }

  #keep(key: string, authorization: Authorization): void {
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size >= maxTokens && oldest !== undefined) this.#tokens.delete(oldest);
    this.#tokens.set(key, authorization);
  }
}

const headersOf = (action: Action): Readonly<Record<string, string>> =>
  action.method === 'PUT' ? { 'content-type': action.mediaType } : { accept: manifestTypes.join(', ') };

function redirected({ url, headers }: RegistryAnswer): URL {
  const location = headers.location ?? '';
  const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
  const isWeb = next?.protocol === 'https:' || next?.protocol === 'http:';
  if (!next || !isWeb || (url.protocol === 'https:' && next.protocol === 'http:')) {
    throw new SlipwayError('registry_protocol', `${url.host} redirects to something other than https.`);
  }
  next.username = '';
  next.password = '';
  return next;
}
