import {
  type RedisTopology,
  type ShippedUsers,
  shippedUsers,
  startRedisCluster,
  startRedisSentinel,
  temporaryFolder,
} from '@slipway/local';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { startFleet } from '@slipway/simulator';
import { afterEach, expect, it } from 'vitest';
import { startReceiver } from '../chaos/ledger/receiver.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
afterEach(() => cleanups.run(logger));

/** The user at sentinels that docs/operations/redis-failover.md names. */
const sentinelRights =
  'on >looker-secret allchannels -@all +@connection +subscribe +sentinel|master +sentinel|sentinels';

const topologies = [
  {
    name: 'a cluster',
    start: (users: ShippedUsers) => startRedisCluster({ users }),
    env: async () => ({}),
  },
  {
    name: 'sentinels with users',
    start: (users: ShippedUsers) => startRedisSentinel({ users }),
    env: async ({ sentinels }: RedisTopology) => {
      for (const { ask } of sentinels) await ask(`ACL SETUSER looker reset ${sentinelRights}`);
      return { REDIS_SENTINEL_USER: 'looker', REDIS_SENTINEL_PASSWORD: 'looker-secret' };
    },
  },
];

it.each(topologies)('$name: the documented users suffice, also across a failover', async ({ start, env }) => {
  const folder = await temporaryFolder();
  cleanups.defer('folder', folder.remove);
  const users = await shippedUsers({ folder: folder.path, administrator: true });
  const topology = await start(users);
  cleanups.defer('redis', () => topology.stop());
  const receiver = await startReceiver();
  cleanups.defer('receiver', () => receiver.stop());
  const settings = {
    ...users.env(topology.url),
    ...(await env(topology)),
  };
  const fleet = await startFleet({
    replicas: [{ slots: 2 }],
    workers: 1,
    env: { api: settings, worker: { ...settings, SOURCE_GRACE_MS: '60000' } },
  });
  cleanups.defer('fleet', fleet.stop);

  const call = async (path: string, json?: object) => {
    const answer = await fleet.calls.call(path, { ...(json && { method: 'POST', json }), timeoutMs: 10_000 });
    return { status: answer.status, body: answer.body as { id: string; state?: string } };
  };
  const build = async (image: string) => {
    const spec = {
      ...{ source: { digest: fleet.source }, callback: receiver.callback },
      image: `registry.test/topologies/${image}:1`,
    };
    let created: string | undefined;
    // During a failover a request is answered with 503.
    await expect
      .poll(async () => {
        created ??= (await call('/v1/jobs', spec)).body.id;
        return created;
      })
      .toMatch(/^job_/);
    await expect.poll(async () => (await call(`/v1/jobs/${created}`)).body.state).toBe('succeeded');
  };
  await build('before');
  const { body: batch } = await call('/v1/batches', {
    items: ['one', 'two'].map((name) => ({
      ...{ source: { digest: fleet.source }, image: `registry.test/topologies/${name}:1` },
    })),
  });
  await expect.poll(async () => (await call(`/v1/batches/${batch.id}`)).body.state).toBe('finished');
  await topology.failover('{slipway}:x');
  await build('after');
  await expect.poll(async () => (await fetch(`${fleet.apis[0]?.url}/readyz`)).status).toBe(200);
  for (const node of [...topology.nodes, ...topology.sentinels])
    expect(await node.ask('ACL LOG'), node.name).toMatch(/^(?:\+OK\r\n)?\*0\r\n/);
});
