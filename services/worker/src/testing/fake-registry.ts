import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export const indexType = 'application/vnd.oci.image.index.v1+json';
const manifestType = 'application/vnd.oci.image.manifest.v1+json';

export const digestOf = (content: string | Uint8Array) =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`;

interface Stored {
  readonly type: string;
  readonly body: string;
}

/** Replaces parts of the right answer. A header that is undefined is left out. */
interface Changes {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | Buffer;
}

/** Returns the changes of an answer. `res` is for answers that are none. */
export type Oddity = (req: IncomingMessage, res: ServerResponse) => Changes | undefined | 'answered';

export interface FakeRegistry {
  /** `host:port` */
  readonly host: string;
  /** Each request with its credentials, in their order: `HEAD /v2/tools/base/manifests/1`. */
  readonly requests: readonly { readonly line: string; readonly authorization: string | undefined }[];
  /** Changes each answer from now on. */
  oddity: Oddity | undefined;
  /** Puts content under a tag of any repository, and under its digest. Returns the digest. */
  push(tag: string, stored: Stored): string;
  remove(tag: string): void;
}

/** Starts a registry (OCI distribution specification, manifests alone) that ends with the test. */
export async function startFakeRegistry(): Promise<FakeRegistry> {
  const contents = new Map<string, Stored>();
  const requests: { line: string; authorization: string | undefined }[] = [];
  const registry: { oddity: Oddity | undefined } = { oddity: undefined };
  const server = createServer((req, res) => {
    res.on('error', () => undefined);
    requests.push({ line: `${req.method} ${req.url}`, authorization: req.headers.authorization });
    const changes = registry.oddity?.(req, res);
    if (changes === 'answered') return;
    const found = contents.get(req.url?.split('/manifests/')[1] ?? '');
    const body = changes?.body ?? found?.body ?? '';
    const headers = Object.entries({
      ...(found && { 'content-type': found.type, 'docker-content-digest': digestOf(found.body) }),
      ...(found && { etag: `"${digestOf(found.body)}"` }),
      ...changes?.headers,
    }).filter((entry): entry is [string, string] => entry[1] !== undefined);
    res.writeHead(changes?.status ?? (found ? 200 : 404), Object.fromEntries(headers));
    res.end(req.method === 'HEAD' ? undefined : body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(registry, {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    push(tag: string, stored: Stored) {
      const digest = digestOf(stored.body);
      contents.set(tag, stored);
      contents.set(digest, stored);
      return digest;
    },
    remove: (tag: string) => void contents.delete(tag),
  });
}

/** Returns an image of nothing. Its digest depends on the text. */
export const manifestOf = (text: string): Stored => ({
  type: manifestType,
  body: JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(text), size: 1 },
    layers: [],
  }),
});

/** Returns an index of images by platform, with an attestation. `note` changes nothing but the digest of the index. */
export const indexOf = (platforms: Readonly<Record<string, string>>, note = ''): Stored => ({
  type: indexType,
  body: JSON.stringify({
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [
      ...Object.entries(platforms).map(([platform, text]) => {
        const [os, architecture, variant] = platform.split('/');
        return {
          mediaType: manifestType,
          digest: digestOf(text),
          size: 1,
          platform: { os, architecture, variant },
        };
      }),
      {
        ...{ mediaType: manifestType, digest: digestOf(`attestation ${note}`), size: 1 },
        platform: { os: 'unknown', architecture: 'unknown' },
      },
    ],
  }),
});
