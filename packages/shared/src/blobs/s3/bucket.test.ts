import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Bucket } from './bucket.js';
import { parseLocation } from './location.js';

const credentials = { AWS_ACCESS_KEY_ID: 'AKIATHEACCESSKEY', AWS_SECRET_ACCESS_KEY: 'the-secret-key' };
const before = { ...process.env };
beforeEach(() => Object.assign(process.env, credentials));

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
  for (const name of Object.keys(credentials)) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
});

/** Serves S3 on a port of this machine. Returns the bucket at it. */
async function bucketAt(answer: RequestListener, idleMs?: number): Promise<Bucket> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `s3://bucket?region=us-east-1&endpoint=http://127.0.0.1:${port}&path_style=true`;
  const bucket = new Bucket(parseLocation(new URL(url)), { idleMs });
  cleanups.push(() => {
    bucket.s3.destroy();
    server.closeAllConnections();
    server.close();
  });
  return bucket;
}

const put = (bucket: Bucket) => bucket.s3.putObject({ ...bucket.object('k'), Body: Buffer.from('x') });
const thrown = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    return await work;
  } catch (error) {
    return error;
  }
};
const refusal = (code: string) =>
  `<Error><Code>${code}</Code><Message>Words of ${credentials.AWS_ACCESS_KEY_ID}</Message>
   <AWSAccessKeyId>${credentials.AWS_ACCESS_KEY_ID}</AWSAccessKeyId><RequestId>r1</RequestId></Error>`;

it.each([
  [404, 'NoSuchBucket', 'storage_misconfigured'],
  [301, 'PermanentRedirect', 'storage_misconfigured'],
  [400, 'AuthorizationHeaderMalformed', 'storage_misconfigured'],
  [400, 'KMS.DisabledException', 'storage_misconfigured'],
  [403, 'AccessDenied', 'storage_unauthorized'],
  [403, 'InvalidAccessKeyId', 'storage_unauthorized'],
  [403, 'SignatureDoesNotMatch', 'storage_unauthorized'],
  [400, 'ExpiredToken', 'storage_unauthorized'],
  [403, 'RequestTimeTooSkewed', 'storage_clock_skewed'],
  [503, 'SlowDown', 'storage_unavailable'],
  [503, 'ServiceUnavailable', 'storage_unavailable'],
  [500, 'InternalError', 'storage_unavailable'],
  [429, 'TooManyRequests', 'storage_unavailable'],
  [507, 'XMinioStorageFull', 'storage_full'],
  [507, 'InsufficientStorage', 'storage_full'],
  [400, 'BadDigest', 'storage_changed'],
  [412, 'PreconditionFailed', 'storage_changed'],
])('gives the answer %i %s the code %s, and shows no access key', async (status, reason, code) => {
  const bucket = await bucketAt((req, res) => {
    req.resume();
    res.writeHead(status, { 'content-type': 'application/xml' }).end(refusal(reason));
  });
  const error = await thrown(put(bucket));
  expect(error).toMatchObject({ code, status, reason });
  expect((error as Error).message).toBe(`PutObject: ${status} ${reason} (request r1)`);
  const all = JSON.stringify(error, Object.getOwnPropertyNames(error));
  expect(all + (error as Error).cause).not.toContain(credentials.AWS_ACCESS_KEY_ID);
});

it('repeats a request that the store refuses to serve now', async () => {
  let requests = 0;
  const bucket = await bucketAt((req, res) => {
    req.resume();
    if (++requests < 3) res.writeHead(503).end(refusal('SlowDown'));
    else res.writeHead(200, { etag: '"e"' }).end();
  });
  expect(await put(bucket)).toMatchObject({ ETag: '"e"' });
  expect(requests).toBe(3);
});

it('gives up a server that does not answer, after some attempts', async () => {
  let requests = 0;
  const bucket = await bucketAt((req) => {
    req.resume();
    requests++;
  }, 200);
  expect(await thrown(put(bucket))).toMatchObject({ code: 'storage_unavailable', status: undefined });
  expect(requests).toBe(5);
});

it('reports a server that closes connections, and one that is not there, as unavailable', async () => {
  const closing = await bucketAt((req) => req.socket.destroy());
  expect(await thrown(put(closing))).toMatchObject({ code: 'storage_unavailable', reason: 'ECONNRESET' });
  const gone = new Bucket({ ...closing.location, endpoint: 'http://127.0.0.1:1' });
  expect(await thrown(put(gone))).toMatchObject({ code: 'storage_unavailable', reason: 'ECONNREFUSED' });
});

it('reports credentials that cannot be found as unauthorized', async () => {
  const bucket = await bucketAt((_req, res) => res.end());
  for (const name of Object.keys(credentials)) delete process.env[name];
  // None of the places that the chain looks at.
  const elsewhere = {
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/nowhere',
    AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
  };
  Object.assign(process.env, elsewhere);
  try {
    const error = await thrown(put(bucket));
    expect(error).toMatchObject({ code: 'storage_unauthorized', reason: 'CredentialsProviderError' });
  } finally {
    for (const name of Object.keys(elsewhere)) delete process.env[name];
  }
});

it('knows the time of the server', async () => {
  const bucket = await bucketAt((req, res) => {
    req.resume();
    res.writeHead(200, { date: 'Sun, 06 Nov 1994 08:49:37 GMT', etag: '"e"' }).end();
  });
  expect(bucket.serverTime()).toBeUndefined();
  await put(bucket);
  expect(bucket.serverTime()).toBe(Date.UTC(1994, 10, 6, 8, 49, 37));
});
