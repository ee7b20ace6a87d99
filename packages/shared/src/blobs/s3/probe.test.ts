import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Bucket } from './bucket.js';
import { parseLocation } from './location.js';
import { probe } from './probe.js';

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'key');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'word');
});
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
  vi.unstubAllEnvs();
});

type Kept =
  | 'new objects only'
  | 'the same object only'
  | 'reads of a version'
  | 'new objects only, of parts'
  | 'checksums'
  | 'metadata'
  | '404';

/** Serves one object as S3 does, except for one promise that it does not keep. */
async function serverWithout(
  broken?: Kept,
): Promise<{ bucket: Bucket; asked: IncomingMessage[]; kept: () => boolean }> {
  const asked: IncomingMessage[] = [];
  let kept = false;
  let checksum: unknown;
  const answer = ({ method, headers, url = '' }: IncomingMessage): [number, string?] => {
    const query = new URL(url, 'http://host').searchParams;
    const isNew = headers['if-none-match'] === '*';
    if (query.has('list-type')) return [200, '<ListBucketResult/>'];
    if (query.has('uploads')) return [200, '<R><UploadId>u</UploadId></R>'];
    if (method === 'POST') return broken === 'new objects only, of parts' ? [200, '<R/>'] : [412];
    if (method === 'DELETE') {
      if (!query.has('uploadId')) kept = false;
      return [204];
    }
    if (query.has('partNumber')) return [200];
    if (method === 'PUT') {
      if (isNew && kept && broken !== 'new objects only') return [412];
      if (headers['if-match'] && broken !== 'the same object only') return [412];
      const sent = headers['x-amz-checksum-sha256'];
      checksum ??= sent;
      if (sent !== undefined && sent !== checksum && broken !== 'checksums') return [400];
      kept = true;
      return [200];
    }
    if (!kept) return [broken === '404' ? 403 : 404];
    return [headers['if-match'] && broken !== 'reads of a version' ? 412 : 200];
  };
  const server = createServer((req, res) => {
    asked.push(req);
    req.resume().on('end', () => {
      const [status, body = ''] = answer(req);
      const metadata = broken === 'metadata' ? {} : { 'x-amz-meta-probe': 'kept' };
      res.writeHead(status, { etag: '"e"', ...metadata }).end(body);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const query = `region=x&endpoint=http://127.0.0.1:${port}&path_style=true&kms_key_id=key-1`;
  const bucket = new Bucket(parseLocation(new URL(`s3://bucket/prefix?${query}`)));
  cleanups.push(() => {
    bucket.s3.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { bucket, asked, kept: () => kept };
}

it('accepts a store that keeps its promises, and leaves nothing', async () => {
  const { bucket, kept } = await serverWithout();
  await probe(bucket);
  expect(kept()).toBe(false);
});

it('encrypts as every object, because the policy of a bucket may refuse others', async () => {
  const { bucket, asked } = await serverWithout();
  await probe(bucket);
  const begun = asked.filter(({ method, url = '' }) =>
    method === 'PUT' ? !url.includes('partNumber') : url.includes('uploads'),
  );
  expect(begun).toHaveLength(5);
  for (const { headers } of begun)
    expect(headers['x-amz-server-side-encryption-aws-kms-key-id']).toBe('key-1');
});

const names = 'names a store that does not';
it.each<[Kept, string]>([
  ['new objects only', `${names} refuse a conditional write (If-None-Match)`],
  ['the same object only', `${names} refuse a conditional write (If-Match)`],
  ['reads of a version', `${names} refuse a conditional read (If-Match)`],
  ['new objects only, of parts', `${names} refuse a conditional multipart upload (If-None-Match)`],
  ['checksums', `${names} refuse a wrong SHA-256 (add checksums=optional to accept that)`],
  ['metadata', `${names} keep the metadata of objects`],
  ['404', 'HeadObject: 403'],
])('refuses a store without the promise: %s', async (broken, reason) => {
  const { bucket, kept } = await serverWithout(broken);
  await expect(probe(bucket)).rejects.toThrow(reason);
  expect(kept()).toBe(false);
});
