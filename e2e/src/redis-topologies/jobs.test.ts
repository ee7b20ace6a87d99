import { type Fleet, type FleetRedis, startFleet } from '@slipway/simulator';
import { expect, test } from 'vitest';

const servers = [
  { name: 'Redis 7.0', program: 'redis-server', version: /^redis_version:7\.0\./m },
  { name: 'Redis 8.2', program: 'redis-server-8.2', version: /^redis_version:8\.2\./m },
  { name: 'Valkey 8.1', program: 'valkey-server-8.1', version: /^valkey_version:8\.1\./m },
] as const;

const key = '{slipway}:x';

test.each(servers)(
  '$name: jobs and batches end before and after a failover by sentinels and in a cluster, with the documented users',
  async ({ program, version }) => {
    await Promise.all([
      withFleet({ topology: 'sentinel', program }, version),
      withFleet({ topology: 'cluster', program }, version),
    ]);
  },
);

async function withFleet(redis: FleetRedis, version: RegExp): Promise<void> {
  const fleet = await startFleet({ redis, replicas: [{ slots: 2 }], workers: 1 });
  try {
    const topology = fleet.redisTopology;
    if (!topology) throw new Error('the fleet has one server of Redis');
    const primary = await topology.primaryOf(key);
    expect(await primary.ask('INFO server')).toMatch(version);
    await buildAll(fleet, 'before');
    primary.kill('SIGKILL');
    await expect
      .poll(() =>
        topology.primaryOf(key).then(
          ({ name }) => name,
          () => primary.name,
        ),
      )
      .not.toBe(primary.name);
    await buildAll(fleet, 'after');
    await expect.poll(async () => (await fetch(`${fleet.apis[0]?.url}/readyz`)).status).toBe(200);
    for (const node of topology.nodes)
      if (node.running) expect(await node.ask('ACL LOG'), node.name).toMatch(/^(?:\+OK\r\n)?\*0\r\n/);
  } finally {
    await fleet.stop();
  }
}

/** Submits a job and a batch, and waits until they have ended. */
async function buildAll({ calls, source }: Fleet, name: string): Promise<void> {
  const item = (image: string) => ({ source: { digest: source }, image: `registry.test/${name}/${image}:1` });
  const create = async (path: string, json: object) => {
    let id: string | undefined;
    // During a failover a request is answered with 503.
    await expect
      .poll(async () => {
        id ??= ((await calls.call(path, { method: 'POST', json, timeoutMs: 10_000 })).body as { id?: string })
          .id;
        return id;
      })
      .toBeDefined();
    return `${path}/${id}`;
  };
  const state = async (path: string) =>
    ((await calls.call(path, { timeoutMs: 10_000 })).body as { state?: string }).state;
  const job = await create('/v1/jobs', item('one'));
  await expect.poll(() => state(job)).toBe('succeeded');
  const batch = await create('/v1/batches', { items: [item('two'), item('three')] });
  await expect.poll(() => state(batch)).toBe('finished');
}
