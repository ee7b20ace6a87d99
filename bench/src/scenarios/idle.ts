import { setTimeout as sleep } from 'node:timers/promises';
import { type Fleet, startFleet } from '@slipway/simulator';
import { cpuMs } from '../fleets/cpu.js';
import { openRecords, type Records } from '../fleets/records.js';
import { commandCalls, redisMs } from '../fleets/redis-load.js';
import { startProcess } from '../processes/forked.js';
import type { ReplicasRequests } from '../processes/replicas.js';
import type { Scenario } from '../scenario.js';

const counts = { small: 10, large: 1_000 };
const workers = 4;
const slots = 4;
const settleMs = 15_000;
const measuredMs = 40_000;

export const idle: Scenario = {
  name: 'idle',
  about:
    'Redis commands and processor time a second of 4 workers without jobs, with 1,000 replicas against 10',

  async run({ note }) {
    const small = await measure(counts.small, note);
    const large = await measure(counts.large, note);
    return {
      commands_ratio: large.commands / small.commands,
      commands_per_s: large.commands,
      worker_ms_per_s: large.workers,
      redis_ms_per_s: large.redis,
      small_commands_per_s: small.commands,
      small_worker_ms_per_s: small.workers,
      small_redis_ms_per_s: small.redis,
    };
  },
};

/** Measures a fleet that has nothing to do. Returns commands and milliseconds of processor time, each for one second. */
async function measure(count: number, note: (text: string) => void) {
  const replicas = startProcess<ReplicasRequests>('replicas');
  const payloadSecret = 'the secret of the bench';
  let fleet: Fleet | undefined;
  let records: Records | undefined;
  try {
    const { urls } = await replicas.ask('start', { replicas: count, slots, payloadSecret, buildMs: 0 });
    const env = {
      api: { PAYLOAD_SECRET: payloadSecret },
      worker: { PAYLOAD_SECRET: payloadSecret, BUILDERS: urls.map((url) => `${url}#max=${slots}`).join(',') },
    };
    fleet = await startFleet({ replicas: [], workers, env });
    records = openRecords(fleet);
    note(`${count} replicas and ${workers} workers, idle for ${measuredMs / 1_000} s`);
    await sleep(settleMs);
    const pids = fleet.workers.map(({ pid }) => pid);
    await records.redis.config('RESETSTAT');
    const before = { workers: cpuMs(pids), redis: await redisMs(records) };
    const started = performance.now();
    await sleep(measuredMs);
    const seconds = (performance.now() - started) / 1_000;
    const calls = await commandCalls(records);
    const most = calls.toSorted((a, b) => b.calls - a.calls).slice(0, 8);
    note(
      `most often: ${most.map(({ name, calls: each }) => `${name} ${Math.round(each / seconds)}/s`).join(', ')}`,
    );
    return {
      commands: calls.reduce((sum, { calls: each }) => sum + each, 0) / seconds,
      workers: (cpuMs(pids) - before.workers) / seconds,
      redis: ((await redisMs(records)) - before.redis) / seconds,
    };
  } finally {
    await records?.close();
    await fleet?.stop();
    replicas.stop();
  }
}
