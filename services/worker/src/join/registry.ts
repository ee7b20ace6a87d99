import { SlipwayError } from '@slipway/shared/errors';
import { getGlobalDispatcher } from 'undici';
import { RegistryClient } from '../registry/client.js';
import type { RegistryConfig } from '../registry/config.js';
import { placeOf } from '../registry/place.js';
import { sha256Of } from '../registry/request.js';
import type { PartManifest } from './image-index.js';
import { registryError } from './registry-error.js';

/** The manifests of one repository. What goes wrong is thrown as an error of the table. */
export interface Repository {
  /** By digest or tag. */
  manifest(reference: string): Promise<Omit<PartManifest, 'platforms'>>;
  /** Puts a manifest under a tag. Returns its digest. */
  push(manifest: string, options: { readonly tag: string; readonly mediaType: string }): Promise<string>;
}

/** Time limit of a request. A manifest is small. */
const timeoutMs = 30_000;
/** Builders have pushed to these registries just now, so any address is allowed. */
const reach = { dispatcher: () => getGlobalDispatcher() };

/** Opens the repository of an image reference, with the credentials there are for its registry. */
export function openRepository(image: string, registries: RegistryConfig): Repository {
  const place = placeOf(image);
  const { host } = place;
  const client = new RegistryClient({ registries, reach });
  const common = () => ({ place, signal: AbortSignal.timeout(timeoutMs) });
  return {
    async manifest(name) {
      const { status, headers, body } = await client.manifest({ ...common(), name, method: 'GET' });
      if (status !== 200) throw registryError({ host, action: 'read', error: { statusCode: status } });
      const digest = sha256Of(body);
      const claimed = [name.includes(':') ? name : undefined, headers['docker-content-digest']];
      if (claimed.some((each) => each !== undefined && each !== digest))
        throw new SlipwayError('push_failed', `The registry ${host} answered another manifest than ${name}.`);
      return {
        mediaType: headers['content-type'] ?? '',
        digest,
        size: body.length,
        body: parsed(host, body),
      };
    },
    async push(manifest, { tag, mediaType }) {
      const put = { method: 'PUT', name: tag, body: manifest, mediaType } as const;
      const { status } = await client.manifest({ ...common(), ...put });
      if (status !== 201) throw registryError({ host, action: 'push', error: { statusCode: status } });
      return sha256Of(Buffer.from(manifest));
    },
  };
}

function parsed(host: string, body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw registryError({ host, action: 'read', error });
  }
}
