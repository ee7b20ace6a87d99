import { S3 } from '@aws-sdk/client-s3';
import { type S3Handle, startVersitygw, type TemporaryFolder, temporaryFolder } from '@slipway/local';
import type { Job } from '@slipway/shared/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dockerfile, makeContext, tarOf } from '../context.js';
import { type Stack, startStack } from '../stack.js';
import { s3Env } from './test-blobs.js';

const json = async <T>(answer: Response): Promise<T> => (await answer.json()) as T;

let folder: TemporaryFolder;
let s3: S3Handle;
let stack: Stack;
beforeAll(async () => {
  folder = await temporaryFolder();
  s3 = await startVersitygw({ dir: folder.path });
  const env = s3Env(s3);
  stack = await startStack({ env: { api: env, worker: env } });
});
afterAll(async () => {
  await stack?.stop();
  await s3?.stop();
  await folder?.remove();
});

const upload = (body: ReturnType<typeof tarOf>) => stack.call('/v1/sources', { method: 'POST', body });
const uploaded = async (...lines: string[]) => {
  const answer = await upload(tarOf(makeContext({ Dockerfile: dockerfile(...lines) })));
  return (await json<{ digest: string }>(answer)).digest;
};
const submit = async (name: string, digest: string) => {
  const body = JSON.stringify({ image: `${stack.registry}/e2e/${name}:1`, source: { digest } });
  const headers = { 'content-type': 'application/json' };
  return await json<Job>(await stack.call('/v1/jobs', { method: 'POST', headers, body }));
};
const get = async (id: string) => await json<Job>(await stack.call(`/v1/jobs/${id}`));
const ended = async (id: string) => {
  for (;;) {
    const job = await json<Job>(await stack.call(`/v1/jobs/${id}?wait=30`));
    if (job.finished_at !== undefined) return job;
  }
};
const log = async (id: string) => await (await stack.call(`/v1/jobs/${id}/logs`)).text();

test('S3 killed during a build: the build counts, other jobs wait, requests are refused, and everything goes on when S3 is back', async () => {
  const [building, waiting] = [
    await uploaded('RUN echo beg""un; seq 500; sleep 6; echo do""ne'),
    await uploaded('RUN echo another'),
  ];
  // The API knows this source from now on.
  await ended((await submit('before', waiting)).id);
  const first = await submit('first', building);
  await expect.poll(() => log(first.id)).toContain('begun');
  process.kill(s3.pid, 'SIGKILL');

  const refused = await upload(tarOf(makeContext({ Dockerfile: dockerfile('RUN echo refused') })));
  expect([refused.status, (await json<{ code: string }>(refused)).code]).toEqual([
    503,
    'storage_unavailable',
  ]);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  const second = await submit('second', waiting);
  expect((await fetch(`${stack.url}/readyz`)).status).toBe(200);

  const built = await ended(first.id);
  expect(built).toMatchObject({
    state: 'succeeded',
    attempts: [{ outcome: 'succeeded', log_error: 'storage_unavailable' }],
  });
  // The live log is kept.
  expect(await log(first.id)).toContain('done');
  expect(await get(second.id)).toMatchObject({ state: 'queued', attempts: [] });

  s3 = await startVersitygw({ dir: folder.path, port: s3.port });
  const later = await ended(second.id);
  expect(later).toMatchObject({ state: 'succeeded', attempts: [{ outcome: 'succeeded' }] });
  expect(later.attempts).toHaveLength(1);
  expect(later).not.toHaveProperty('placements');
  await expect.poll(async () => (await get(first.id)).attempts[0]?.log_error).toBeUndefined();
  const { accessKeyId, secretAccessKey } = s3.credentials;
  const client = new S3({
    ...{ region: 'us-east-1', endpoint: s3.endpoint, forcePathStyle: true },
    credentials: { accessKeyId, secretAccessKey },
  });
  const { Contents = [] } = await client.listObjectsV2({ Bucket: s3.bucket, Prefix: 'blobs/' });
  const { Uploads = [] } = await client.listMultipartUploads({ Bucket: s3.bucket });
  client.destroy();
  expect(Uploads).toEqual([]);
  // Two sources and three logs: the refused upload left nothing. Workers may also have stored the time of Redis.
  const kinds = Contents.map(({ Key = '' }) => Key.split('/')[1]).filter((kind) => kind !== 'redis');
  expect(kinds.toSorted()).toEqual([...['logs', 'logs', 'logs', 'sources', 'sources', 'sources', 'sources']]);
});
