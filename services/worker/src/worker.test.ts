import { Secret } from '@slipway/shared/config';
import { makeIdsBy } from '@slipway/shared/ids';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type Behaviour, held, type Replica, startReplica, stream, success } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from './testing/start-worker.js';

let installation: Installation;
let replicas: Replica[];
beforeEach(async () => {
  installation = await createInstallation(inject('redisUrl'));
  replicas = [];
});
afterEach(async () => {
  await installation.dispose();
  await Promise.all(replicas.map((replica) => replica.stop()));
});
const replica = async () => {
  const started = await startReplica(payloadSecret);
  replicas.push(started);
  return started;
};

const failed = (error: string, code?: string) =>
  stream({ status: 'failed', error, code, log: ['step 2', error] });

describe('a worker', () => {
  it('builds a job: a signed payload, its log, its result', async () => {
    const builder = await replica();
    builder.next(
      stream({ status: 'in_progress', log: ['one', 'two\nthree'] }, { ...success, log: ['four'] }),
    );
    await installation.startWorker([builder.url]);
    const id = await installation.submit({
      build_args: { A: '1' },
      platforms: ['linux/amd64'],
      push: false,
      sbom: true,
      provenance: true,
    });
    expect(await installation.ended(id)).toMatchObject({
      state: 'succeeded',
      result: { digest: success.digest, duration_ms: 500 },
      attempts: [{ number: 1, replica: builder.url, outcome: 'succeeded' }],
    });
    expect(await installation.log(id)).toBe('one\ntwo\nthree\nfour\n');
    const payload = builder.payloads[0]?.toString('latin1') ?? '';
    expect(payload).toContain('FROM scratch');
    const args = '"buildArgs":{"A":"1","BUILDKIT_SANDBOX_HOSTNAME":"[0-9a-f]{32}"}';
    const options = '"platforms":\\["linux/amd64"\\],"skipPush":true,"sbom":true,"provenance":true';
    expect(payload).toMatch(new RegExp(`{"image":"r.example/team/hello-1:1",${args},${options}}`));
    await expect.poll(() => installation.builds.missing([id])).toEqual([id]);
  });

  it('builds a job whose id names a cell', async () => {
    const builder = await replica();
    builder.next(stream({ ...success, log: ['one'] }));
    await installation.startWorker([builder.url]);
    makeIdsBy({ now: Date.now }, 'eu1');
    const id = await installation.submit();
    makeIdsBy({ now: Date.now });
    expect(id).toMatch(/_eu1$/);
    expect(await installation.ended(id)).toMatchObject({ id, state: 'succeeded' });
    expect(await installation.log(id)).toBe('one\n');
    await expect.poll(() => installation.builds.missing([id])).toEqual([id]);
  });

  it('does not retry what the user must correct, and says what failed', async () => {
    const builder = await replica();
    builder.next(failed('exit code: 1'));
    await installation.startWorker([builder.url]);
    const job = await installation.ended(await installation.submit());
    expect(job).toMatchObject({
      state: 'failed',
      error: { code: 'build_failed', detail: 'exit code: 1', log_tail: ['step 2', 'exit code: 1'] },
    });
    expect(builder.payloads).toHaveLength(1);
  });

  it('tries again after a fault of the registry, and keeps the log of each attempt', async () => {
    const builder = await replica();
    builder.next(failed('failed to push r.example/x: 502 Bad Gateway', 'push_failed'));
    await installation.startWorker([builder.url]);
    const id = await installation.submit();
    const job = await installation.ended(id);
    expect(job.attempts.map(({ outcome }) => outcome)).toEqual(['push_failed', 'succeeded']);
    expect(await installation.log(id, 1)).toContain('502 Bad Gateway');
    expect(await installation.log(id, 2)).toBeUndefined();
  });

  it.each([
    ['a cut off stream', stream({ status: 'in_progress', log: ['a'] }), 'builder_protocol'],
    ['a broken connection', ({ res }: { res: { destroy(): void } }) => res.destroy(), 'builder_lost'],
    ['garbage', stream({ hello: 'there' }), 'builder_protocol'],
  ])('spends an attempt on %s, and tries again', async (_what, behaviour, outcome) => {
    const builder = await replica();
    builder.next(behaviour);
    await installation.startWorker([builder.url]);
    const job = await installation.ended(await installation.submit());
    expect(job.attempts.map((attempt) => attempt.outcome)).toEqual([outcome, 'succeeded']);
  });

  it('fails when every attempt failed, with the last code', async () => {
    const builder = await replica();
    builder.next(...[1, 2, 3].map(() => failed('no room', 'storage_full')));
    await installation.startWorker([builder.url]);
    const job = await installation.ended(await installation.submit());
    expect(job).toMatchObject({ state: 'failed', error: { code: 'storage_full' } });
    expect(job.attempts).toHaveLength(3);
  });

  it('spends no attempt on faults of a registry, and says how much of the build was repeated', async () => {
    const builder = await replica();
    const at = '2026-01-02T03:04:05Z';
    const built = { status: 'in_progress', log: [`v: ${at} [1/2] FROM a`, `v: ${at} [2/2] RUN b 0.35s`] };
    const cached = { status: 'in_progress', log: built.log.map((line) => line.replace('[', 'CACHED [')) };
    const error = 'failed to solve: failed to push r.example/x:1: unexpected status: 502 Bad Gateway';
    const refused = { status: 'failed', error };
    builder.next(
      stream(built, refused),
      ...[1, 2].map(() => stream(cached, refused)),
      stream(cached, success),
    );
    await installation.startWorker([builder.url], { maxAttempts: 1 });
    const { attempts } = await installation.ended(await installation.submit());
    expect(attempts.map(({ outcome, steps }) => [outcome, steps])).toEqual([
      ['push_failed', { total: 2, cached: 0 }],
      ['push_failed', { total: 2, cached: 2 }],
      ['push_failed', { total: 2, cached: 2 }],
      ['succeeded', { total: 2, cached: 2 }],
    ]);
  });

  it('gives a registry up after REGISTRY_RETRY_MS, with the last code', async () => {
    const builder = await replica();
    builder.next(...Array(20).fill(failed('dial tcp: connection refused', 'registry_unreachable')));
    await installation.startWorker([builder.url], { maxAttempts: 1, registryRetryMs: 1_000 });
    const job = await installation.ended(await installation.submit());
    expect(job).toMatchObject({ state: 'failed', error: { code: 'registry_unreachable' } });
    const [first, ...more] = job.attempts.map(({ finished_at: at }) => Date.parse(at ?? ''));
    expect((more.at(-1) ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(1_000);
  });

  it('tries another replica at once when one is busy or gone, and spends no attempt', async () => {
    const [busy, free] = [await replica(), await replica()];
    busy.next(
      ...Array(50).fill(({ res }: { res: { writeHead(s: number): { end(t: string): void } } }) =>
        res.writeHead(429).end('Concurrent request limit exceeded. Max concurrent request1'),
      ),
    );
    await installation.startWorker(['http://127.0.0.1:1', busy.url, free.url]);
    const job = await installation.ended(await installation.submit());
    expect(job.attempts).toMatchObject([{ number: 1, replica: free.url, outcome: 'succeeded' }]);
  });

  it('waits in the queue while no replica has room, and spends no attempt', async () => {
    const builder = await replica();
    const first = held();
    builder.next(first.behaviour);
    await installation.startWorker([`${builder.url}#max=1`]);
    const one = await installation.submit();
    await first.begun;
    const two = await installation.submit();
    const active = `${installation.keys.bullPrefix}:builds:active`;
    await expect.poll(() => installation.redis.llen(active)).toBe(2);
    expect(await installation.job(two)).toMatchObject({ state: 'queued', attempts: [] });
    expect(builder.payloads).toHaveLength(1);
    first.release();
    expect((await installation.ended(one)).state).toBe('succeeded');
    expect((await installation.ended(two)).attempts).toMatchObject([{ outcome: 'succeeded' }]);
  });

  it('reports a rejected signature as a fault of the operator', async () => {
    const builder = await replica();
    await installation.startWorker([builder.url], { payloadSecret: new Secret('another') });
    const job = await installation.ended(await installation.submit());
    expect(job).toMatchObject({ state: 'failed', error: { code: 'signature_rejected' } });
  });

  it('stops a build that takes longer than its limit', async () => {
    const builder = await replica();
    const slow = held();
    builder.next(slow.behaviour);
    await installation.startWorker([builder.url]);
    const job = await installation.ended(await installation.submit({ timeout: 1 }));
    expect(job).toMatchObject({ state: 'failed', error: { code: 'timed_out', log_tail: ['begun'] } });
    await expect.poll(() => builder.abandoned()).toBe(1);
  });

  it('stops a running build that is canceled: the builder sees the disconnect', async () => {
    const builder = await replica();
    const slow = held();
    builder.next(slow.behaviour);
    await installation.startWorker([builder.url]);
    const id = await installation.submit();
    await slow.begun;
    expect(await installation.store.cancel(id)).toBe('requested');
    expect(await installation.ended(id)).toMatchObject({ state: 'canceled', cancel_requested: true });
    await expect.poll(() => builder.abandoned()).toBe(1);
  });

  it('leaves a job that was taken over alone', async () => {
    const builder = await replica();
    const slow = held();
    builder.next(slow.behaviour);
    const worker = await installation.startWorker([builder.url]);
    const id = await installation.submit();
    await slow.begun;
    await installation.redis.del(installation.keys.slots(builder.url));
    await installation.store.start(id, {
      token: 'another',
      worker: 'another',
      replica: 'http://b0',
      takesSuspects: true,
    });
    slow.release();
    await worker.stop();
    expect(await installation.job(id)).toMatchObject({ state: 'running' });
    expect((await installation.job(id)).result).toBeUndefined();
  });
});

describe('several workers together', () => {
  it('never give a replica more builds than its limit, and no job is lost', async () => {
    const builder = await replica();
    let running = 0;
    let most = 0;
    const counted: Behaviour = async ({ res }) => {
      most = Math.max(most, ++running);
      // Long enough for others to come.
      await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
      res.writeHead(200).end(JSON.stringify(success));
    };
    builder.next(...Array<Behaviour>(40).fill(counted));
    const workers = [1, 2, 3].map(() => installation.startWorker([`${builder.url}#max=2`]));
    await Promise.all(workers);
    const ids = await Promise.all(Array.from({ length: 40 }, () => installation.submit()));
    for (const id of ids) expect((await installation.ended(id)).state).toBe('succeeded');
    expect(most).toBe(2);
    expect(builder.payloads).toHaveLength(40);
  });

  it('quarantine a job that two builders die of, and no other job', async () => {
    const deadly = 'r.example/deadly:1';
    const deaths: Promise<void>[] = [];
    const builders = await Promise.all([1, 2, 3].map(replica));
    for (const builder of builders) {
      const behave: Behaviour = ({ res, body }) => {
        if (body.includes(deadly)) deaths.push(builder.stop());
        else res.writeHead(200).end(JSON.stringify(success));
      };
      builder.next(...Array<Behaviour>(100).fill(behave));
    }
    await installation.startWorker(builders.map(({ url }) => `${url}#max=2`));
    const others = await Promise.all(Array.from({ length: 10 }, () => installation.submit()));
    const culprit = await installation.ended(await installation.submit({ image: deadly }));
    expect(culprit).toMatchObject({ state: 'failed', error: { code: 'quarantined' } });
    expect(culprit.attempts).toHaveLength(2);
    for (const id of others) expect((await installation.ended(id)).state).toBe('succeeded');
    await Promise.all(deaths);
    expect(deaths).toHaveLength(2);
  });

  it('do not blame a job for builders that die while they drain', async () => {
    const builders = await Promise.all([1, 2, 3].map(replica));
    let evictions = 0;
    for (const builder of builders) {
      builder.next(({ res }) => {
        if (evictions === 2) res.writeHead(200).end(JSON.stringify(success));
        else {
          evictions++;
          void installation.redis
            .hset(installation.keys.replica(builder.url), 'draining', 1)
            .then(() => builder.stop());
        }
      });
    }
    await installation.startWorker(builders.map(({ url }) => url));
    const job = await installation.ended(await installation.submit());
    expect(job.attempts.map(({ outcome }) => outcome)).toEqual([
      'builder_draining',
      'builder_draining',
      'succeeded',
    ]);
  });

  it('keep the concurrency of the queue at what the fleet can build, and clear it when they go', async () => {
    const builder = await replica();
    const worker = await installation.startWorker([`${builder.url}#max=3`]);
    const meta = () => installation.redis.hget(`${installation.keys.bullPrefix}:builds:meta`, 'concurrency');
    await expect.poll(meta).toBe('6');
    await worker.stop();
    expect(await meta()).toBeNull();
  });
});

describe('a build whose lock is lost', () => {
  it('is not repeated while its worker holds the slot', async () => {
    const builder = await replica();
    const slow = held();
    builder.next(slow.behaviour);
    const { redis, keys } = installation;
    const queue = `${keys.bullPrefix}:builds:`;
    await installation.startWorker([builder.url]);
    await installation.startWorker([builder.url]);
    const id = await installation.submit();
    await slow.begun;
    await redis.del(`${queue}${id}:lock`);
    // A worker takes the job, and puts it back until the slot would end.
    await expect.poll(() => redis.zscore(`${queue}delayed`, id)).not.toBeNull();
    slow.release();
    expect((await installation.ended(id)).attempts).toMatchObject([{ outcome: 'succeeded' }]);
    expect(builder.payloads).toHaveLength(1);
    await expect.poll(() => redis.exists(`${queue}${id}`)).toBe(0);
  });
});

describe('the reconciler', () => {
  it('queues a record whose writer died before it could', async () => {
    const builder = await replica();
    const id = await installation.record();
    await installation.startWorker([builder.url]);
    expect((await installation.ended(id)).state).toBe('succeeded');
  });

  it('queues records that the queue has lost, queued and running ones', async () => {
    const builder = await replica();
    const [queued, running] = [await installation.record(), await installation.record()];
    await installation.store.start(running, {
      token: 'lost',
      worker: 'lost',
      replica: 'http://b0',
      takesSuspects: true,
    });
    await installation.redis.zrem(installation.keys.undispatched, queued, running);
    await installation.startWorker([builder.url]);
    expect((await installation.ended(queued)).attempts).toHaveLength(1);
    expect((await installation.ended(running)).attempts.map(({ outcome }) => outcome)).toEqual([
      'worker_lost',
      'succeeded',
    ]);
  });
});
