import { randomUUID } from 'node:crypto';
import { type RedisHandle, startRedis } from '@slipway/local';
import { Secret } from '@slipway/shared/config';
import type { Batch, Job } from '@slipway/shared/contracts';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { formatSignature, payloadHmac } from '@slipway/shared/signing';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { archive } from '../testing/archive.js';
import { json } from '../testing/requests.js';
import { type RunningApi, startApi } from '../testing/start-api.js';
import { ReplicatedWrites } from './replicated-writes.js';

/** A primary and its replica, which the tests freeze. */
let primary: RedisHandle;
let replica: RedisHandle;
let admin: Redis;
let api: RunningApi;

beforeAll(async () => {
  [primary, replica] = await Promise.all([startRedis(), startRedis()]);
  admin = new Redis(primary.url);
  const follower = new Redis(replica.url);
  await follower.replicaof('127.0.0.1', primary.port);
  const online = async () => expect(await admin.info('replication')).toContain('state=online');
  await vi.waitFor(online, { timeout: 60_000 });
  follower.disconnect();
  api = await startApi(primary.url, { redisWaitReplicas: 1 });
});
afterEach(() => replica.kill('SIGCONT'));
afterAll(async () => {
  admin.disconnect();
  await api.stop();
  await Promise.all([primary.stop(), replica.stop()]);
});

const source = { files: { Dockerfile: 'FROM scratch\n' } };
const spec = () => ({ image: `r.example/${randomUUID()}:1`, source, function: 'dev/waits' });
const send = async (path: string, body?: unknown, key?: string, method = 'POST') =>
  await api.call(path, {
    method,
    headers: { 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
const refusal = async (answer: Response) => {
  const { code, detail } = await json<{ code: string; detail?: string; error?: string }>(answer);
  return { status: answer.status, code, detail };
};
const idIn = (text: string | undefined) => /\b(?:job|batch)_[0-9a-z]{26}\b/.exec(text ?? '')?.[0];

describe('an answer that acknowledges a change', () => {
  it('is 202 once a replica has the job', async () => {
    const job = await json<Job>(await send('/v1/jobs', spec()));
    const follower = new Redis(replica.url);
    expect(await follower.hget(redisKeys(api.prefix).job(job.id), 'state')).toBe('queued');
    follower.disconnect();
  });

  it('names the job when no replica has it, and the same key finds the job later', async () => {
    const [key, body] = [randomUUID(), spec()];
    replica.kill('SIGSTOP');
    const { status, code, detail } = await refusal(await send('/v1/jobs', body, key));
    expect([status, code]).toEqual([503, 'redis_not_replicated']);
    expect(detail).toContain('It may still run.');
    const id = idIn(detail);
    expect((await json<Job>(await api.call(`/v1/jobs/${id}`))).state).toBe('queued');
    const again = await refusal(await send('/v1/jobs', body, key));
    expect([again.status, idIn(again.detail)]).toEqual([503, id]);
    replica.kill('SIGCONT');
    const found = await send('/v1/jobs', body, key);
    expect([found.status, (await json<Job>(found)).id]).toEqual([202, id]);
    const replayed = await send('/v1/jobs', body, key);
    expect(replayed.headers.get('idempotency-replayed')).toBe('true');
    const { jobs } = await json<{ jobs: Job[] }>(await api.call(`/v1/jobs?image=${body.image}`));
    expect(jobs.map((job) => job.id)).toEqual([id]);
  });

  it('waits for batches, retries, rebuilds and changes of other records, too', async () => {
    const job = await json<Job>(await send('/v1/jobs', spec()));
    await send(`/v1/jobs/${job.id}/cancel`);
    const ended = await json<Batch>(await send('/v1/batches', { items: [spec()] }));
    await send(`/v1/batches/${ended.id}/cancel`);
    const endedBatch = async () => (await json<Batch>(await api.call(`/v1/batches/${ended.id}`))).state;
    await expect.poll(endedBatch, { timeout: 60_000 }).toBe('finished');
    const requests = [
      ['/v1/batches', { items: [spec(), spec()] }, 'batch'],
      ['/v1/rebuilds', { select: { functions: ['dev/waits'] } }, 'batch'],
      [`/v1/batches/${ended.id}/retry`, { which: 'all' }, 'batch'],
      [`/v1/jobs/${job.id}/retry`, undefined, 'job'],
    ] as const;
    replica.kill('SIGSTOP');
    const key = randomUUID();
    const refused = await Promise.all(
      requests.map(async ([path, body]) => await refusal(await send(path, body, key + path))),
    );
    const named = refused.map(({ detail }) => idIn(detail));
    expect(refused.map(({ code }) => code)).toEqual(requests.map(() => 'redis_not_replicated'));
    expect(named.map((id) => id?.split('_')[0])).toEqual(requests.map(([, , kind]) => kind));
    const stored = await refusal(
      await send('/v1/functions/dev/put', { ...spec(), function: 'dev/put' }, undefined, 'PUT'),
    );
    expect(stored).toMatchObject({ status: 503, code: 'redis_not_replicated' });
    replica.kill('SIGCONT');
    for (const [at, [path, body]] of requests.entries()) {
      const found = await send(path, body, key + path);
      expect([found.status, found.headers.get('location')?.split('/').at(-1)]).toEqual([202, named[at]]);
    }
  });

  it('names the batch of a new template, whose users are rebuilt', async () => {
    const put = (label: string) => {
      const files = [
        { path: 'Dockerfile', text: `FROM scratch\nLABEL made=${label}\n` },
        { path: 'template.yml', text: 'language: node\n' },
      ];
      const headers = { 'content-type': 'application/x-tar' };
      return api.call('/v1/templates/node?rebuild=true', { method: 'PUT', headers, body: archive(files) });
    };
    expect((await put('one')).status).toBe(201);
    const files = { 'handler.js': 'x' };
    const job = { ...spec(), function: 'dev/user', template: 'node', source: { files } };
    expect((await send('/v1/jobs', job)).status).toBe(202);
    replica.kill('SIGSTOP');
    const { code, detail } = await refusal(await put('two'));
    expect([code, idIn(detail)]).toEqual(['redis_not_replicated', expect.stringMatching(/^batch_/)]);
  });

  it('waits before the build of a POST /build is followed', async () => {
    const body = archive([
      { path: 'com.openfaas.docker.config', text: JSON.stringify({ image: `r.example/${randomUUID()}:1` }) },
      { path: 'context/Dockerfile', text: 'FROM scratch\n' },
    ]);
    const hmac = payloadHmac(new Secret('payload'));
    hmac.update(body);
    const headers = {
      'content-type': 'application/octet-stream',
      'x-build-signature': formatSignature(hmac),
    };
    replica.kill('SIGSTOP');
    const answer = await fetch(`${api.url}/build`, { method: 'POST', body, headers });
    const { code, error } = await json<{ code: string; error: string }>(answer);
    expect([answer.status, code]).toEqual([503, 'redis_not_replicated']);
    expect(answer.headers.get('x-slipway-job')).toBe(idIn(error));
  });

  it('is not delayed for reads, and a warning names the setting', async () => {
    replica.kill('SIGSTOP');
    await send('/v1/jobs', spec());
    expect((await api.call('/v1/jobs')).status).toBe(200);
    const ready = async () => await (await fetch(`${api.url}/readyz`)).text();
    expect(await ready()).toContain('REDIS_WAIT_REPLICAS');
    replica.kill('SIGCONT');
    expect((await send('/v1/jobs', spec())).status).toBe(202);
    expect(await ready()).not.toContain('REDIS_WAIT_REPLICAS');
  });
});

describe('a wait for replicas', () => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const opened = (limitMs: number) => {
    const cleanups = new Cleanups();
    const redis = connectRedis({ url: primary.url, name: 'waits', logger, cleanups, mode: 'patient' });
    const keys = redisKeys(api.prefix);
    const writes = new ReplicatedWrites({ redis, keys, logger, redisWaitReplicas: 1, limitMs });
    return { writes, close: () => cleanups.run(logger) };
  };
  const minute = 60_000;

  it('is shared by requests that wait at the same time', async () => {
    const { writes, close } = opened(minute);
    await admin.config('RESETSTAT');
    await Promise.all(Array.from({ length: 500 }, () => writes.confirm()));
    const calls = /cmdstat_wait:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1];
    expect(Number(calls)).toBeLessThanOrEqual(2);
    await close();
  });

  it('fails at once for a record that the primary does not have, because a failover lost it', async () => {
    const { writes, close } = opened(minute);
    const job = await json<Job>(await send('/v1/jobs', spec()));
    const results = await Promise.allSettled([
      writes.confirm(job.id),
      writes.confirm('job_00000000000000000000000000'),
      writes.confirm('batch_00000000000000000000000000'),
    ]);
    const [found, ...lost] = results.map((result) => result.status === 'rejected' && result.reason.message);
    expect(found).toBe(false);
    for (const message of lost) expect(message).toContain('lost it');
    await close();
  });

  it('does not succeed because its connection was closed and opened again', async () => {
    const { writes, close } = opened(minute);
    await writes.confirm();
    replica.kill('SIGSTOP');
    let done = false;
    const confirmed = writes.confirm().then(() => {
      done = true;
    });
    for (let killed = 0; killed < 5; killed++) {
      const blocked = async () =>
        /^id=(\d+) .* name=waits .*cmd=wait/m.exec((await admin.client('LIST')) as string)?.[1];
      await expect.poll(blocked, { timeout: minute, interval: 1 }).toBeDefined();
      const id = await blocked();
      if (id !== undefined) await admin.client('KILL', 'ID', id);
    }
    expect(done).toBe(false);
    replica.kill('SIGCONT');
    await confirmed;
    await close();
  });

  it('ends when Redis does not answer at all', async () => {
    const { writes, close } = opened(500);
    await writes.confirm();
    primary.kill('SIGSTOP');
    await expect(writes.confirm()).rejects.toMatchObject({ code: 'redis_not_replicated' });
    primary.kill('SIGCONT');
    const { writes: later, close: closeLater } = opened(minute);
    await later.confirm();
    await closeLater();
    await close();
  });
});
