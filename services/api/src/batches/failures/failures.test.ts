import { randomUUID } from 'node:crypto';
import { type AttemptEnd, JobStore } from '@slipway/control-plane/jobs';
import type { Batch, FailureGroup, Job } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { archive } from '../../testing/archive.js';
import { type RunningApi, startApi } from '../../testing/start-api.js';

let api: RunningApi;
let redis: Redis;
let worker: JobStore;
beforeAll(async () => {
  api = await startApi(inject('redisUrl'), { maxQueuedJobs: 2_000 });
  redis = new Redis(inject('redisUrl'));
  worker = new JobStore({ redis, keys: redisKeys(api.prefix) });
});
afterAll(async () => {
  redis.disconnect();
  await api.stop();
});

const json = async <T>(answer: Response | Promise<Response>) => (await (await answer).json()) as T;
const read = <T>(path: string) => json<T>(api.call(path));
const failuresOf = (id: string) =>
  read<{ failed: number; groups: readonly [FailureGroup, FailureGroup] }>(`/v1/batches/${id}/failures`);

/** Submits a batch whose job `f<n>` fails with the n-th log; a job without a log succeeds. Returns the batch once it has ended. */
async function ended(logs: readonly (string | undefined)[]): Promise<Batch> {
  const body = archive([{ path: 'Dockerfile', text: `FROM scratch\n# ${randomUUID()}\n` }]);
  const headers = { 'content-type': 'application/x-tar' };
  const { digest } = await json<{ digest: string }>(
    api.call('/v1/sources', { method: 'POST', headers, body }),
  );
  const items = logs.map((_log, at) => ({ image: `r.example/f${at}:1`, function: `f${at}` }));
  const answer = await api.post('/v1/batches', { defaults: { source: { digest } }, items });
  expect(answer.status).toBe(202);
  const { id } = await json<Batch>(answer);
  const { jobs } = await read<{ jobs: Job[] }>(`/v1/batches/${id}/jobs?limit=200`);
  for (const job of jobs) {
    const token = randomUUID();
    await worker.start(job.id, { token, worker: 'w', replica: 'http://b', takesSuspects: true });
    const log = logs[Number(job.function?.match(/\d+$/)?.[0])];
    const end: AttemptEnd =
      log === undefined
        ? { state: 'succeeded', result: { image: job.image, duration_ms: 1 } }
        : { state: 'failed', error: { code: 'build_failed', detail: 'step 2', log_tail: [log] } };
    expect(await worker.finish(job.id, token, end)).toBe(true);
  }
  return await read<Batch>(`/v1/batches/${id}?wait=30`);
}

it('groups the failures of a batch by cause, and repeats those of one cause', async () => {
  const many = Array.from({ length: 130 }, (_, at) => `l: f${at}: no module after ${at} ms`);
  const { id } = await ended([...many, 'l: out of memory', undefined]);
  const found = await failuresOf(id);
  expect(found).toMatchObject({
    failed: 131,
    groups: [
      { code: 'build_failed', detail: 'step 2', last_line: 'f129: no module after 129 ms', count: 130 },
      {
        last_line: 'out of memory',
        count: 1,
        jobs: [{ function: 'openfaas-fn/f130', image: 'r.example/f130:1' }],
      },
    ],
  });
  expect(found.groups[0].jobs).toHaveLength(100);
  const again = await api.post(`/v1/batches/${id}/retry`, { cause: found.groups[1].cause });
  expect([again.status, await again.json()]).toMatchObject([202, { total: 1, retry_of: id }]);
});

it('says when there are no failures, no batch or no such cause', async () => {
  const { id } = await ended([undefined]);
  expect(await failuresOf(id)).toEqual({ failed: 0, groups: [] });
  expect(await read(`/v1/batches/batch_${'0'.repeat(26)}/failures`)).toMatchObject({ code: 'not_found' });
  const retry = async (cause: string) => await json(api.post(`/v1/batches/${id}/retry`, { cause }));
  expect(await retry('0123456789ab')).toMatchObject({
    code: 'batch_not_retryable',
    detail: expect.stringContaining('failed with the cause 0123456789ab'),
  });
  expect(await retry('no cause')).toMatchObject({ code: 'request_invalid' });
});
