import { RegistryClient } from '@sigstore/oci/dist/registry.js';
import type { Env, Fields } from '@slipway/shared/config';
import { helperEnvironment, registrySettings } from '@slipway/shared/docker-config';
import { SlipwayError } from '@slipway/shared/errors';
import { allowsPlainHttp, isLoopbackRegistry } from '@slipway/shared/registry-hosts';
import { placeOf } from '../registry/place.js';
import { credentialsFor } from './credentials.js';
import type { PartManifest } from './image-index.js';
import { registryError } from './registry-error.js';

export interface RegistryConfig {
  /** `host[:port]` of registries that are spoken to over plain http; `*` stands for all. */
  readonly insecureRegistries: readonly string[];
  /** The folder of a Docker config. */
  readonly dockerConfig: string;
  /** The environment of credential helpers. */
  readonly helperEnv: Readonly<Record<string, string>>;
}

/** Returns the registries and the credentials for joined images. Credential helpers find their programs in the `PATH` of `env`. */
export function registryConfig(fields: Fields, env: Env): RegistryConfig {
  const { credentialHelperEnv, ...settings } = registrySettings(fields);
  const extra = ['PATH', 'HOME', ...credentialHelperEnv];
  return { ...settings, helperEnv: helperEnvironment({ env, extra }) };
}

/** The manifests of one repository. What goes wrong is thrown as an error of the table. */
export interface Repository {
  /** By digest or tag. */
  manifest(reference: string): Promise<Omit<PartManifest, 'platforms'>>;
  /** Puts a manifest under a tag. Returns its digest. */
  push(manifest: string, options: { readonly tag: string; readonly mediaType: string }): Promise<string>;
}

/** Time limit of a request. A manifest is small. */
const timeoutMs = 30_000;

/** Opens the repository of an image reference, with the credentials there are for its registry. */
export async function openRepository(image: string, config: RegistryConfig): Promise<Repository> {
  const { host, address, path } = placeOf(image);
  const client = clientFor(address, path, config);
  const { dockerConfig, helperEnv } = config;
  const credentials = await credentialsFor({ registry: host, folder: dockerConfig, helperEnv });
  if (credentials) await asked(host, 'push', () => signIn(client, credentials));
  return {
    async manifest(name) {
      const found = await asked(host, 'read', () => client.getManifest(name));
      const isAsked = !name.includes(':') || found.digest === name;
      if (isDigest(found.digest) && isAsked) return found;
      throw new SlipwayError('push_failed', `The registry ${host} answered another manifest than ${name}.`);
    },
    push: async (manifest, { tag, mediaType }) =>
      (await asked(host, 'push', () => client.uploadManifest(manifest, { reference: tag, mediaType })))
        .digest,
  };
}

const isDigest = (text: string) => /^sha256:[0-9a-f]{64}$/.test(text);

/**
 * The library speaks https with all registries but those on this machine. One that is to be spoken to over plain http is
 * given as what such requests go through: a server takes the absolute form of a request's target as well (RFC 9112, 3.2.2).
 */
function clientFor(host: string, path: string, { insecureRegistries }: RegistryConfig): RegistryClient {
  const options = { timeout: timeoutMs, retry: 2, proxy: undefined, noProxy: 'localhost,127.0.0.1' };
  const isPlain = isLoopbackRegistry(host) || allowsPlainHttp(insecureRegistries, host);
  // The library knows these names of this machine, and no others.
  const isKnown = /^(localhost|127\.0\.0\.1)(:|$)/.test(host);
  if (!isPlain || isKnown) return new RegistryClient(host, path, options);
  return new RegistryClient('localhost', path, {
    ...options,
    proxy: `http://${host}`,
    noProxy: 'none.invalid',
  });
}

async function signIn(
  client: RegistryClient,
  credentials: { readonly username: string; readonly password: string },
): Promise<void> {
  try {
    await client.signIn({ headers: {}, ...credentials });
  } catch (error) {
    // A registry that asks for nothing gives no challenge.
    if (!(error instanceof Error) || error.message.trim() !== 'Invalid challenge:') throw error;
  }
}

async function asked<T>(host: string, action: 'read' | 'push', request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw registryError({ host, action, error });
  }
}
