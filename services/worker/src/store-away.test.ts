import { renameSync } from 'node:fs';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { type Behaviour, type Replica, startReplica, stream, success } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from './testing/start-worker.js';

let installation: Installation;
let replica: Replica;
beforeEach(async () => {
  installation = await createInstallation(inject('redisUrl'));
  replica = await startReplica(payloadSecret);
});
afterEach(async () => {
  await installation.dispose();
  await replica.stop();
});

/** Takes the folder of the blob store away. Returns a function that brings it back. */
function takeStore(): () => void {
  const { folder } = installation;
  renameSync(folder, `${folder}.away`);
  return () => renameSync(`${folder}.away`, folder);
}

it('a job whose source cannot be read waits in the queue without an attempt, and is built when the store is back', async () => {
  const worker = await installation.startWorker([replica.url]);
  const bringBack = takeStore();
  const id = await installation.submit();
  // The queue holds it for its next try.
  await expect.poll(async () => (await installation.builds.missing([id])).length).toBe(0);
  const waits = () => installation.redis.zcard(`${installation.keys.bullPrefix}:builds:delayed`);
  await expect.poll(waits).toBe(1);
  expect(await installation.job(id)).toMatchObject({ state: 'queued', attempts: [] });
  const metrics = await (await fetch(`${worker.url}/metrics`)).text();
  expect(metrics).toMatch(/^slipway_storage_faults_total\{code="storage_unavailable"\} [1-9]/m);
  bringBack();
  const job = await installation.ended(id);
  expect(job).toMatchObject({ state: 'succeeded' });
  expect(job.attempts).toHaveLength(1);
  expect(job).not.toHaveProperty('placements');
  expect(replica.payloads).toHaveLength(1);
});

const long = 'x'.repeat(2_000);

it('a finished build keeps its result when the store is away, the record names the fault, and the leader stores the log later', async () => {
  let bringBack: () => void = () => undefined;
  const takesStoreAway: Behaviour = (call) => {
    bringBack = takeStore();
    return stream({ status: 'in_progress', log: ['one', long] }, success)(call);
  };
  replica.next(takesStoreAway);
  await installation.startWorker([replica.url]);
  const id = await installation.submit();
  const job = await installation.ended(id);
  expect(job).toMatchObject({ state: 'succeeded', attempts: [{ log_error: 'storage_unavailable' }] });
  bringBack();
  await expect.poll(async () => (await installation.job(id)).attempts[0]?.log_error).toBeUndefined();
  expect(await installation.log(id)).toBe(`one\n${long}\n`);
});

it('the record keeps a small log, also while the store is away', async () => {
  let bringBack: () => void = () => undefined;
  const takesStoreAway: Behaviour = (call) => {
    bringBack = takeStore();
    return stream({ status: 'in_progress', log: ['one', 'two'] }, success)(call);
  };
  replica.next(takesStoreAway);
  await installation.startWorker([replica.url]);
  const id = await installation.submit();
  const job = await installation.ended(id);
  expect(job).toMatchObject({ state: 'succeeded' });
  expect(job.attempts[0]).not.toHaveProperty('log_error');
  expect(await installation.log(id)).toBe('one\ntwo\n');
  bringBack();
});
