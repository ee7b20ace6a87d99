import { createHmac } from 'node:crypto';
import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { JobStore } from '@slipway/control-plane/jobs';
import { LogWriter } from '@slipway/control-plane/logs';
import { openBlobStore } from '@slipway/shared/blobs';
import type { BuilderResult, Job } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import { archive } from './testing/archive.js';
import { dockerfile, json, problem, requestsTo } from './testing/requests.js';
import { type RunningApi, startApi } from './testing/start-api.js';

let api: RunningApi;
let redis: Redis;
beforeAll(async () => {
  api = await startApi(inject('redisUrl'));
  redis = new Redis(inject('redisUrl'));
});
afterAll(async () => {
  redis.disconnect();
  await api.stop();
});
let isAway = false;
afterEach(() => {
  if (isAway) bringBack();
});
const { upload, submitted } = requestsTo(() => api);

const take = () => {
  renameSync(api.blobs, `${api.blobs}.away`);
  isAway = true;
};
const bringBack = () => {
  renameSync(`${api.blobs}.away`, api.blobs);
  isAway = false;
};
const stored = () => readdirSync(api.blobs, { recursive: true, encoding: 'utf8' }).toSorted();
const unavailable = async (answer: Response) => {
  expect(await problem(answer)).toEqual([503, 'storage_unavailable']);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
};
const jobs = async () => (await json<{ jobs: Job[] }>(await api.call('/v1/jobs'))).jobs.map(({ id }) => id);

it('uploads, inline sources and payloads are refused with a code, and leave nothing', async () => {
  await upload(archive([dockerfile]));
  const before = { stored: stored(), jobs: await jobs() };
  const other = archive([dockerfile, { path: 'other', text: 'x'.repeat(600_000) }]);
  const files = { Dockerfile: 'FROM scratch\n# inline\n' };
  const config = { path: 'com.openfaas.docker.config', text: '{"image":"r.example/team/built:1"}' };
  const payload = archive([config, { path: 'context/Dockerfile', text: 'FROM scratch\n# payload\n' }]);
  const signature = `sha256=${createHmac('sha256', 'payload').update(payload).digest('hex')}`;
  const headers = { 'content-type': 'application/octet-stream', 'x-build-signature': signature };
  const build = () => fetch(`${api.url}/build`, { method: 'POST', headers, body: payload });
  const inline = () => api.post('/v1/jobs', { image: 'r.example/team/inline:1', source: { files } });
  take();
  await unavailable(await upload(archive([dockerfile])));
  await unavailable(await upload(other));
  await unavailable(await inline());
  const refused = await build();
  expect(refused.status).toBe(503);
  expect(await json<BuilderResult>(refused)).toMatchObject({ code: 'storage_unavailable' });
  // All that needs no blob goes on, so the API stays ready.
  expect((await fetch(`${api.url}/readyz`)).status).toBe(200);
  expect(await jobs()).toEqual(before.jobs);
  bringBack();
  expect(stored()).toEqual(before.stored);
  expect((await upload(other)).status).toBe(201);
  expect((await inline()).status).toBe(202);
  expect(readdirSync(join(api.blobs, '.tmp'))).toEqual([]);
});

it('a log that cannot be read is an answer with a code, not an empty log', async () => {
  const { id } = await submitted();
  const keys = redisKeys(api.prefix);
  const store = new JobStore({ redis, keys });
  await store.start(id, { token: 't', worker: 'w', replica: 'http://b', takesSuspects: true });
  const blobs = await openBlobStore(`file://${api.blobs}`);
  const log = new LogWriter({ redis, keys, blobs, jobId: id, attempt: 1 });
  log.append(['one', 'two']);
  await log.close();
  await store.finish(id, 't', { state: 'succeeded', result: { image: 'r.example/a:1', duration_ms: 1 } });
  const read = (accept: string) => api.call(`/v1/jobs/${id}/logs`, { headers: { accept } });
  take();
  // The live log is kept for some minutes.
  expect(await (await read('text/plain')).text()).toBe('one\ntwo\n');
  await redis.del(keys.log(id));
  for (const accept of ['text/plain', 'application/x-ndjson', 'text/event-stream'])
    await unavailable(await read(accept));
  expect((await api.call(`/v1/jobs/${id}`)).status).toBe(200);
  bringBack();
  expect(await (await read('text/plain')).text()).toBe('one\ntwo\n');
});
