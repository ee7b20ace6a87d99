import { type Lease, ReplicaRegistry, rendezvous, SlotLedger } from '@slipway/control-plane/replicas';
import { startRedis } from '@slipway/local';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import type { Scenario } from '../scenario.js';

const fleets = [10, 100, 1_000];
const slots = 20;
const rounds = 20;
const many = 100;
const choices = 4;
const ttlMs = 60_000;
const pool = 'default';

interface Cost {
  readonly commands: number;
  readonly ms: number;
}

export const acquireScenario: Scenario = {
  name: 'acquire',
  about:
    'the commands and the Redis time of one request for a slot, and of 100 in one call, by the size of the fleet',

  async run({ note }) {
    const server = await startRedis();
    const logger = createLogger({ name: 'bench', level: 'warn' });
    const cleanups = new Cleanups();
    try {
      const redis = connectRedis({ url: server.url, name: 'bench', logger, cleanups, mode: 'patient' });
      const figures: Record<string, number> = {};
      for (const replicas of fleets) {
        note(`${replicas} replicas`);
        for (const [name, builds] of [
          ['one', 1],
          ['many', many],
        ] as const) {
          const { commands, ms } = await measure(redis, { replicas, builds });
          figures[`${name}_${replicas}_commands`] = commands;
          figures[`${name}_${replicas}_ms`] = ms;
        }
      }
      return figures;
    } finally {
      await cleanups.run(logger);
      await server.stop();
    }
  },
};

/** Returns the mean cost of a call that takes slots for builds of other images. */
async function measure(redis: Redis, options: { replicas: number; builds: number }): Promise<Cost> {
  const keys = redisKeys(`acquire-${options.replicas}-${options.builds}`);
  const registry = new ReplicaRegistry({ redis, keys });
  const ledger = new SlotLedger({ redis, keys });
  const urls = Array.from({ length: options.replicas }, (_, at) => `http://10.0.${at >> 8}.${at & 255}:8081`);
  await registry.announce(urls.map((url) => ({ url, max: slots, pool, platforms: [] })));
  const order = rendezvous(urls);
  const take = async (round: number): Promise<Lease[]> => {
    const requests = Array.from({ length: options.builds }, (_, at) => {
      const id = `${round}-${at}`;
      return { id, pool, preference: order(id, choices), suspect: false };
    });
    const replies = await ledger.acquire(requests, ttlMs);
    return replies.flatMap(({ lease }) => (lease ? [lease] : []));
  };
  const total = { commands: 0, ms: 0 };
  for (let round = 0; round <= rounds; round++) {
    await redis.config('RESETSTAT');
    const leases = await take(round);
    // The first round loads the script.
    if (round > 0) {
      const { commands, ms } = await costOf(redis);
      total.commands += commands;
      total.ms += ms;
    }
    for (const lease of leases) await ledger.free(lease, 'ok');
  }
  return { commands: total.commands / rounds, ms: total.ms / rounds };
}

/** Returns the commands that scripts called since the last reset, and the milliseconds of the scripts. */
async function costOf(redis: Redis): Promise<Cost> {
  const info = await redis.info('commandstats');
  let [commands, ms] = [0, 0];
  for (const [, name, calls, usec] of info.matchAll(/^cmdstat_(\S+?):calls=(\d+),usec=(\d+)/gm)) {
    if (name === 'evalsha') ms += Number(usec) / 1_000;
    else if (name !== 'config|resetstat' && name !== 'info') commands += Number(calls);
  }
  return { commands, ms };
}
