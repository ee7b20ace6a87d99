import { setTimeout as sleep } from 'node:timers/promises';
import { askRedis, type RedisNode, type RedisTopology } from '@slipway/local';
import type { Fleet, FleetRedis } from '@slipway/simulator';
import { waitFor } from '../waiting.js';

/** The servers of docs/operations/redis-failover.md: its timeouts, and one replica of each primary. */
export const documentedRedis = {
  sentinel: { topology: 'sentinel', replicas: 1, downAfterMs: 5_000, failoverTimeoutMs: 60_000 },
  cluster: {
    ...{ topology: 'cluster', replicas: 1, nodeTimeoutMs: 5_000 },
    settings: ['--cluster-require-full-coverage', 'no'],
  },
} as const satisfies Record<string, FleetRedis>;

/** A key in the hash slot of the installation. */
const keyOf = ({ redisPrefix }: Fleet) => `{${redisPrefix}}:x`;

const promotionMs = 60_000;
const pollMs = 50;

/** The times of a failover, in milliseconds since 1970. */
export interface Failover {
  readonly brokenAt: number;
  readonly promotedAt: number;
}

/** Waits until the primary can be replaced: its replica has its data, and all servers know each other. */
export const replaceable = (fleet: Fleet): Promise<void> => serversOf(fleet).settled();

/** Kills the primary with SIGKILL, and starts it again in `heal`. Resolves when another server is the primary. */
export async function killPrimary(fleet: Fleet): Promise<Failover & { heal(): Promise<void> }> {
  const redis = serversOf(fleet);
  const primary = await redis.primaryOf(keyOf(fleet));
  const brokenAt = Date.now();
  primary.kill('SIGKILL');
  const promotedAt = await promoted(fleet, primary);
  return {
    ...{ brokenAt, promotedAt },
    heal: () => primary.start(),
  };
}

const pauseMs = 5_000;

/**
 * Asks for another primary. Resolves when it is one. Sentinels promote the replica while the primary takes writes, so processes that do
 * not run for 100 ms write to it too long. `paused`: the primary takes no writes from before the promotion on.
 */
export async function changePrimary(
  fleet: Fleet,
  { paused }: { readonly paused: boolean },
): Promise<Failover & { heal(): Promise<void> }> {
  const redis = serversOf(fleet);
  const brokenAt = Date.now();
  if (paused && redis.sentinels.length > 0) {
    const primary = await redis.primaryOf(keyOf(fleet));
    await primary.ask(`CLIENT PAUSE ${pauseMs} WRITE`);
  }
  await redis.failover(keyOf(fleet));
  return { brokenAt, promotedAt: Date.now(), heal: async () => undefined };
}

/** The user that ends a partition. It is unknown to replicas and sentinels. */
const healer = { user: 'healer', password: 'healer' };

/**
 * Cuts the primary off from its replica and from the sentinels, but not from the services: it refuses the administrator, whose name
 * they use. Nodes of a cluster use no name, so the primary of a cluster is frozen after `cutMs`. Resolves when another server is the
 * primary. `heal` ends the partition.
 */
export async function cutPrimaryOff(fleet: Fleet, cutMs: number): Promise<{ heal(): Promise<void> }> {
  const redis = serversOf(fleet);
  const primary = await redis.primaryOf(keyOf(fleet));
  const { user } = fleet.redisUsers;
  await primary.ask(
    `ACL SETUSER ${healer.user} on >${healer.password} +@all`,
    `ACL SETUSER ${user} off`,
    `CLIENT KILL USER ${user} SKIPME yes`,
  );
  await sleep(cutMs);
  if (redis.sentinels.length === 0) primary.kill('SIGSTOP');
  await promoted(fleet, primary);
  return {
    async heal() {
      primary.kill('SIGCONT');
      await askRedis(
        { port: primary.port, users: healer },
        `ACL SETUSER ${user} on`,
        // A sentinel keeps the connection that it could not authenticate.
        'CLIENT KILL USER default SKIPME yes',
      );
    },
  };
}

async function promoted(fleet: Fleet, before: RedisNode): Promise<number> {
  const redis = serversOf(fleet);
  return await waitFor('another primary', promotionMs, async () => {
    const primary = await redis.primaryOf(keyOf(fleet)).catch(() => before);
    if (primary.name !== before.name) return Date.now();
    await sleep(pollMs);
    return undefined;
  });
}

function serversOf({ redisTopology }: Fleet): RedisTopology {
  if (!redisTopology) throw new Error('the fleet has one server of Redis, which nothing replaces');
  return redisTopology;
}
