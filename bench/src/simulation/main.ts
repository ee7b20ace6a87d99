import { parseArgs } from 'node:util';
import { askRedis, exitOnSignals, type RedisHandle, startRedis } from '@slipway/local';
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
exitOnSignals();
const begun = performance.now();
const logger = createLogger({ name: 'simulation', level: 'warn', destination: process.stderr });
const cleanups = new Cleanups();
const parts = (['fixed', 'autoscaled'] as const).filter((part) => [part, 'all'].includes(values.part));
const servers = await Promise.all(parts.map(() => startRedis({ settings: ['--latency-tracking', 'no'] })));
const end = async () => {
  await cleanups.run(logger);
  await Promise.all(servers.map((server) => server.stop()));
};
// The servers are in process groups of their own.
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => void end().finally(() => process.exit(1)));
try {
  const figures = await simulate(signal);
  const text = Object.entries(figures).map(([name, value]) => `${name}=${Number(value.toPrecision(4))}`);
  process.stdout.write(
    `simulate replicas=${replicas} jobs=${jobs} seed=${seed} signal=${signal} ${text.join(' ')}\n`,
  );
  const { user, system } = process.cpuUsage();
  const seconds = Math.round((performance.now() - begun) / 1_000);
  const own = `${Math.round((user + system) / 1e6)} s of processor time, ${Math.round(process.resourceUsage().maxRSS / 1_024)} MiB`;
  note(`${seconds} s; ${own}; Redis: ${(await Promise.all(servers.map(costOf))).join(', ')}`);
} finally {
  await end();
}

/** Returns the processor time of a Redis server, and its memory at the peak. */
async function costOf(server: RedisHandle): Promise<string> {
  const info = await askRedis(server, 'INFO');
  const number = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]);
  const seconds = number('used_cpu_user') + number('used_cpu_sys');
  return `${Math.round(seconds)} s, ${Math.round(number('used_memory_peak') / 2 ** 20)} MiB`;
}

/** Runs the parts side by side, each on a Redis server of its own: while one part computes, the other waits for Redis. */
async function simulate(by: Signal): Promise<Record<string, number>> {
  const ran = await Promise.all(parts.map(async (part) => await run(part, by)));
  const counts: Record<string, number> = { lost: 0, ended_twice: 0, failed: 0, over_limit: 0 };
  for (const { cell } of ran) {
    const { audit, fleet } = cell;
    const found = {
      lost: audit.lost,
      ended_twice: audit.endedTwice,
      failed: (audit.counts.failed ?? 0) + (audit.counts.canceled ?? 0),
      over_limit: fleet.overLimit,
    };
    for (const [name, value] of Object.entries(found)) counts[name] = (counts[name] ?? 0) + value;
  }
  return Object.assign({}, ...ran.map(({ figures }) => figures), counts);
}

async function run(part: (typeof parts)[number], by: Signal) {
  const url = servers[parts.indexOf(part)]?.url ?? '';
  // A machine that is busy with other work delays replies for long.
  const redis = connectRedis({ url, name: part, logger, cleanups, mode: 'patient' });
  const clock = virtualClock(Date.UTC(2030, 0, 1));
  setVirtualTime(redis, clock);
  const capacityEveryMs = part === 'fixed' ? 30_000 : 5_000;
  const cell = await openCell({
    redis,
    clock,
    random: randomOf(seed),
    logger,
    prefix: part,
    capacityEveryMs,
  });
  // A part has half of the jobs, unless it runs alone.
  const ofPart = jobs / parts.length;
  const figures =
    part === 'fixed'
      ? await fixedFleet(cell, { replicas, jobs: Math.ceil(ofPart), note })
      : await autoscaled(cell, { replicas, jobs: Math.floor(ofPart), signal: by, note });
  return { cell, figures };
}
