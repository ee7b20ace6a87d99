import { fileURLToPath } from 'node:url';
import { askRedis, freePort, type ProcessHandle, startProcess } from '@slipway/local';
import type { Job } from '@slipway/shared/contracts';
import { submitAll } from '@slipway/simulator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestFleet, type TestFleet } from '../fleet.js';
import { Autoscaler } from './autoscaler.js';
import { type NamedWorker, startNamedWorker } from './worker.js';

const simulator = fileURLToPath(new URL('../../../packages/simulator/dist/main.js', import.meta.url));
const buildMs = 2_000;
const slots = 2;

interface Replica {
  readonly address: string;
  readonly process: ProcessHandle;
}

let fleet: TestFleet;
let worker: NamedWorker;
let port: number;
const names = new Map<string, string[]>([
  ['default.pool.test', []],
  ['arm.pool.test', []],
]);
const stopping = new AbortController();
const running: Promise<unknown>[] = [];

beforeAll(async () => {
  fleet = await startTestFleet({ replicas: [], workers: 0, apis: 2 });
  port = await freePort();
  worker = await startNamedWorker(fleet, {
    BUILDERS: `dns+http://default.pool.test:${port}#platforms=linux/amd64&max=${slots},dns+http://arm.pool.test:${port}#pool=arm&platforms=linux/arm64&max=${slots}`,
    POOLS: 'default#drain=10,arm#platforms=linux/arm64&drain=10',
  });
});
afterAll(async () => {
  stopping.abort();
  await Promise.allSettled(running);
  await worker?.stop();
  await fleet?.stop();
});

const metrics = async (api: number) => {
  const answer = await fetch(`${fleet.apis[api]?.url}/metrics`);
  return await answer.text();
};
/** Returns the value of a series; undefined when it is absent. */
const sampleOf = (text: string, series: string) => {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};
const wanted = async (pool: string, api = 0) =>
  sampleOf(await metrics(api), `slipway_pool_wanted_replicas{pool="${pool}"}`);

let addresses = 0;
/** Follows the signal of a pool with simulated replicas, each of a new address. */
function autoscale(pool: string, min: number, max: number): Autoscaler<Replica> {
  const listed = names.get(`${pool}.pool.test`) as string[];
  const scaler = new Autoscaler<Replica>({
    ...{ min, max },
    wanted: () => wanted(pool),
    async start() {
      const address = `127.0.2.${++addresses}`;
      const replica = await startProcess({
        name: `replica ${address}`,
        command: process.execPath,
        args: [simulator],
        env: {
          PATH: process.env.PATH,
          BIND_HOST: address,
          PORT: String(port),
          PAYLOAD_SECRET: fleet.payloadSecret,
          MAX_INFLIGHT: String(slots),
          BUILD_MS_MEAN: String(buildMs),
        },
        ready: async () => (await fetch(`http://${address}:${port}/healthz`)).ok,
      });
      listed.push(address);
      await worker.resolve(names);
      return { address, process: replica };
    },
    // As the deletion cost of pods orders them.
    async order(replicas) {
      const { builders } = (await fleet.calls.call('/v1/builders')).body as {
        builders: { url: string; in_flight: number }[];
      };
      const builds = (replica: Replica) =>
        builders.find(({ url }) => url === `http://${replica.address}:${port}`)?.in_flight ?? 0;
      return replicas.toSorted((a, b) => builds(a) - builds(b));
    },
    stop(replica) {
      listed.splice(listed.indexOf(replica.address), 1);
      running.push(worker.resolve(names).then(() => replica.process.stop({ graceMs: 30_000 })));
    },
  });
  const follow = async () => {
    await scaler.run(stopping.signal);
    await Promise.all(scaler.replicas.map((replica) => replica.process.stop()));
  };
  running.push(follow());
  return scaler;
}

const ended = async (jobs: readonly Job[]) =>
  await Promise.all(
    jobs.map(async ({ id }) => {
      for (;;) {
        const job = (await fleet.calls.call(`/v1/jobs/${id}?wait=30`)).body as Job;
        if (job.finished_at !== undefined) return job;
      }
    }),
  );
const outcomes = (jobs: readonly Job[]) => [
  ...new Set(jobs.map(({ state, attempts }) => `${state} after ${attempts.length}`)),
];
const specs = (name: string, count: number, more: object = {}) =>
  Array.from({ length: count }, (_, at) => ({ image: `registry.test/${name}/${at}:1`, ...more }));

/** Returns the scripts and blocking reads that Redis ran in about ten seconds: whatever spins runs these. */
async function callsInTenSeconds(): Promise<number> {
  const { port: redisPort, username: user, password } = new URL(fleet.redisUrl);
  const count = async () => {
    const text = await askRedis({ port: Number(redisPort), users: { user, password } }, 'INFO commandstats');
    const calls = [...text.matchAll(/^cmdstat_(?:evalsha|bzpopmin):calls=(\d+)/gm)];
    return calls.reduce((sum, [, each]) => sum + Number(each), 0);
  };
  const [before, since] = [await count(), performance.now()];
  await expect.poll(() => performance.now() - since, { interval: 500 }).toBeGreaterThan(10_000);
  return Math.round(((await count()) - before) / ((performance.now() - since) / 10_000));
}

test('a pool without replicas lists 500 jobs that wait, and no worker spins for them', async () => {
  await expect.poll(() => wanted('arm')).toBe(0);
  const idle = await callsInTenSeconds();
  const jobs = await submitAll({ fleet, specs: specs('waiting', 500, { platforms: ['linux/arm64'] }) });
  expect(new Set(jobs.map(({ pool }) => pool))).toEqual(new Set(['arm']));
  const { pools } = (await fleet.calls.call('/v1/queue')).body as { pools: object[] };
  expect(pools).toContainEqual(
    expect.objectContaining({
      name: 'arm',
      platforms: ['linux/arm64'],
      capacity: 0,
      queued: 500,
      running: 0,
    }),
  );
  await expect.poll(() => wanted('arm')).toBe(250);
  expect(await wanted('arm', 1)).toBe(250);
  const text = await metrics(0);
  expect(sampleOf(text, 'slipway_fleet_pool_slots{pool="arm"}')).toBe(0);
  expect(sampleOf(text, 'slipway_fleet_pool_replicas{pool="arm"}')).toBe(0);
  expect(sampleOf(text, 'slipway_fleet_queue_jobs{pool="arm",state="queued"}')).toBe(500);
  const waiting = await callsInTenSeconds();
  expect(waiting - idle).toBeLessThan(100);
  await Promise.all(jobs.map(({ id }) => fleet.calls.call(`/v1/jobs/${id}/cancel`, { method: 'POST' })));
  await expect.poll(() => wanted('arm')).toBe(0);
});

test('replicas follow the signal from 1 to 6 and back, and each of 60 jobs has one attempt', async () => {
  const scaler = autoscale('default', 1, 6);
  await expect.poll(() => scaler.history).toEqual([1]);
  const jobs = await submitAll({ fleet, specs: specs('scaled', 60) });
  expect(outcomes(await ended(jobs))).toEqual(['succeeded after 1']);
  await expect.poll(() => scaler.replicas.length).toBe(1);
  expect(Math.max(...scaler.history)).toBe(6);
  const top = scaler.history.indexOf(6);
  const sorted = (list: number[], sign: number) => list.toSorted((a, b) => sign * (a - b));
  expect(scaler.history.slice(0, top)).toEqual(sorted(scaler.history.slice(0, top), 1));
  expect(scaler.history.slice(top)).toEqual(sorted(scaler.history.slice(top), -1));
});

test('a second pool scales from zero and back, also over an outage of Redis', async () => {
  const scaler = autoscale('arm', 0, 3);
  const jobs = await submitAll({ fleet, specs: specs('zero', 12, { platforms: ['linux/arm64'] }) });
  await expect.poll(() => scaler.replicas.length).toBeGreaterThan(0);
  fleet.redis.kill('SIGKILL');
  await fleet.redis.ended();
  await expect.poll(() => wanted('arm')).toBeUndefined();
  expect(await wanted('default')).toBeUndefined();
  expect(scaler.replicas.length).toBeGreaterThan(0);
  await fleet.redis.start();
  expect(outcomes(await ended(jobs)).every((outcome) => outcome.startsWith('succeeded'))).toBe(true);
  await expect.poll(() => scaler.replicas.length).toBe(0);
  expect(await wanted('arm')).toBe(0);
});
