import { parseArgs } from 'node:util';
import { askRedis, startRedis } from '@slipway/local';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis } from '@slipway/shared/redis';
import { setVirtualTime, virtualClock } from '@slipway/shared/virtual-time';
import { autoscaled } from './autoscaled.js';
import { openCell } from './cell.js';
import { fixedFleet } from './fixed-fleet.js';
import { randomOf } from './random.js';
import { type Signal, signals } from './scaling.js';

const { values } = parseArgs({
  options: {
    replicas: { type: 'string', default: '1000' },
    jobs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    signal: { type: 'string', default: 'wanted' },
    /** `all`, `fixed` or `autoscaled`. */
    part: { type: 'string', default: 'all' },
  },
});
const [replicas, jobs, seed] = [Number(values.replicas), Number(values.jobs), Number(values.seed)];
const signal = signals.find((each) => each === values.signal);
const isWhole = [replicas, jobs, seed].every((number) => Number.isSafeInteger(number) && number > 0);
if (!isWhole || !signal || !['all', 'fixed', 'autoscaled'].includes(values.part)) {
  process.stderr.write(
    `simulate --replicas <number> --jobs <number> --seed <number> --signal ${signals.join('|')} --part all|fixed|autoscaled\n`,
  );
  process.exit(2);
}
const note = (text: string) => process.stderr.write(`${text}\n`);
const begun = performance.now();
const logger = createLogger({ name: 'simulation', level: 'warn', destination: process.stderr });
const cleanups = new Cleanups();
const server = await startRedis();
try {
  const figures = await simulate(signal);
  const text = Object.entries(figures).map(([name, value]) => `${name}=${Number(value.toPrecision(4))}`);
  process.stdout.write(
    `simulate replicas=${replicas} jobs=${jobs} seed=${seed} signal=${signal} ${text.join(' ')}\n`,
  );
  const { user, system } = process.cpuUsage();
  const seconds = Math.round((performance.now() - begun) / 1_000);
  note(
    `${seconds} s; ${Math.round((user + system) / 1e6)} s of processor time, beside Redis: ${await redisSeconds()} s`,
  );
} finally {
  await cleanups.run(logger);
  await server.stop();
}

/** Returns the processor time of Redis, in whole seconds. */
async function redisSeconds(): Promise<number> {
  const info = await askRedis(server, 'INFO cpu');
  const [, seconds] = /used_cpu_user:([\d.]+)/.exec(info) ?? [];
  return Math.round(Number(seconds));
}

/** Runs both parts, half of the jobs each. */
async function simulate(by: Signal): Promise<Record<string, number>> {
  const ofPart = values.part === 'all' ? jobs / 2 : jobs;
  const counts: Record<string, number> = { lost: 0, ended_twice: 0, failed: 0, over_limit: 0 };
  const open = async (prefix: string) => {
    const redis = connectRedis({ url: server.url, name: 'simulation', logger, cleanups, mode: 'request' });
    const clock = virtualClock(Date.UTC(2030, 0, 1));
    setVirtualTime(redis, clock);
    const options = { redis, clock, random: randomOf(seed), logger, prefix };
    return await openCell({ ...options, capacityEveryMs: prefix === 'fixed' ? 30_000 : 5_000 });
  };
  const count = ({ audit, fleet }: Awaited<ReturnType<typeof open>>) => {
    const found = {
      lost: audit.lost,
      ended_twice: audit.endedTwice,
      failed: (audit.counts.failed ?? 0) + (audit.counts.canceled ?? 0),
      over_limit: fleet.overLimit,
    };
    for (const [name, value] of Object.entries(found)) counts[name] = (counts[name] ?? 0) + value;
  };
  const figures: Record<string, number> = {};
  if (values.part !== 'autoscaled') {
    const cell = await open('fixed');
    Object.assign(figures, await fixedFleet(cell, { replicas, jobs: Math.ceil(ofPart), note }));
    count(cell);
  }
  if (values.part !== 'fixed') {
    const cell = await open('autoscaled');
    Object.assign(figures, await autoscaled(cell, { replicas, jobs: Math.floor(ofPart), signal: by, note }));
    count(cell);
  }
  return { ...figures, ...counts };
}
