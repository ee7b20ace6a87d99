import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  freePort,
  type RedisHandle,
  shippedUsers,
  startProcess,
  startRedis,
  temporaryFolder,
} from '@slipway/local';
import { Secret } from '@slipway/shared/config';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, RedisGuard, redisKeys } from '@slipway/shared/redis';
import { afterAll, describe, expect, it } from 'vitest';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
const folder = await temporaryFolder();
cleanups.defer('folder', folder.remove);
afterAll(() => cleanups.run(logger));

const keys = redisKeys('slipway');

async function server(name: string): Promise<RedisHandle> {
  const dir = join(folder.path, name);
  await mkdir(dir);
  const redis = await startRedis({ dir, users: await shippedUsers({ folder: dir, administrator: true }) });
  cleanups.defer(name, () => redis.stop());
  return redis;
}

const connect = (url: string, { password = '', mode = 'request' as 'request' | 'patient' } = {}) => {
  const access = password === '' ? {} : { access: { user: 'slipway', password: new Secret(password) } };
  const { port } = new URL(url);
  const bare = password === '' ? url : `redis://127.0.0.1:${port}`;
  return connectRedis({ ...{ url: bare, name: 'test', logger, cleanups, mode }, ...access });
};
const passwordOf = ({ url }: RedisHandle) => new URL(url).password;
const guarded = (redis: ReturnType<typeof connect>) =>
  new RedisGuard({ redis, keys, processName: 'test', logger });
const guardOf = (redis: RedisHandle, password = passwordOf(redis)) =>
  guarded(connect(redis.url, { password }));

const shipped = await server('shipped');
const administrator = connect(shipped.url);

describe('the guard of Redis', () => {
  it('accepts Redis with the shipped settings, and leaves no key in it', async () => {
    const guard = guardOf(shipped);
    await guard.start();
    await guard.ready();
    expect(guard.warnings).toEqual([]);
    expect(await administrator.dbsize()).toBe(0);
  });

  it.each([
    ['off', [/redis_acl_drops_writes/]],
    ['off ~{slipway}:* +@write', []],
    ['off ~{other}:* +@write', [/redis_acl_drops_writes/]],
    ['off ~{other}:* ~{slipway}:* +@write', []],
    ['off %R~{slipway}:* +@write', [/redis_acl_drops_writes/]],
    ['off %RW~{slip*}:* +@all', []],
    ['off ~{slipway}:* +@all -@write', [/redis_acl_drops_writes/]],
    ['off ~{slipway}:* +@write -hset', [/redis_acl_drops_writes/]],
    ['off ~{slipway}:job:* +@write', [/redis_acl_drops_writes/]],
    ['off (~{slipway}:* +@write)', []],
    ['off ~{slipwa[xyz]}:* +@all', []],
    ['on nopass ~* +@all', []],
  ])('says what the default user would drop: %s', async (rules, warnings) => {
    await administrator.call('ACL', 'SETUSER', 'default', 'reset', ...ruleWords(rules));
    const guard = guardOf(shipped);
    await guard.start();
    expect(guard.warnings).toEqual(warnings.map((warning) => expect.stringMatching(warning)));
    await guard.ready();
  });

  it('warns about settings that it may not read, and continues', async () => {
    const redis = await server('older');
    await connect(redis.url).call('ACL', 'SETUSER', 'slipway', '-acl|getuser');
    const guard = guardOf(redis);
    await guard.start();
    expect(guard.warnings).toEqual([expect.stringMatching(/^acl_unverified: .*\+acl\|getuser/)]);
  });

  it.each([
    ['a wrong password', 'redis_unauthorized: .*WRONGPASS.*REDIS_PASSWORD', () => guardOf(shipped, 'wrong')],
    [
      'no password',
      'redis_unauthorized: .*NOAUTH',
      async () => {
        await administrator.call('ACL', 'SETUSER', 'default', 'reset', 'off');
        return guarded(connect(`redis://127.0.0.1:${shipped.port}`));
      },
    ],
    [
      'a user without rights',
      'redis_unauthorized: .*NOPERM',
      async () => {
        const redis = await server('no-rights');
        await connect(redis.url).call('ACL', 'SETUSER', 'slipway', '-del');
        return guardOf(redis);
      },
    ],
    [
      'a policy that evicts',
      'redis_evicts: .*allkeys-lru.*noeviction',
      async () => {
        const redis = await server('evicts');
        await connect(redis.url).config('SET', 'maxmemory-policy', 'allkeys-lru');
        return guardOf(redis);
      },
    ],
    ['a node of a cluster', 'redis_cluster_node: ', async () => guarded(connect(await startClusterNode()))],
  ])('stops the start with words: %s', async (_what, words, make) => {
    const guard = await make();
    await expect(guard.start()).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringMatching(new RegExp(words, 's')),
    });
    expect(guard.refusal).toBeDefined();
    await expect(guard.ready()).rejects.toMatchObject({ code: words.split(':')[0] });
  });

  it('waits for an unreachable Redis, and notices later changes', async () => {
    const away = guarded(connect(`redis://127.0.0.1:${await freePort()}`));
    await away.start();
    await expect(away.ready()).rejects.toMatchObject({ code: 'redis_unavailable' });
    expect(away.refusal).toBeUndefined();

    const redis = await server('changed');
    const guard = guardOf(redis);
    await guard.start();
    const stop = new AbortController();
    const running = guard.run(stop.signal);
    const setPolicy = (policy: string) => connect(redis.url).config('SET', 'maxmemory-policy', policy);
    await setPolicy('volatile-ttl');
    await expect.poll(() => guard.refusal?.code).toBe('redis_evicts');
    await setPolicy('noeviction');
    await expect.poll(() => guard.refusal).toBeUndefined();
    await guard.ready();
    stop.abort();
    await running;
  });
});

describe('a connection whose server was demoted', () => {
  it('resends patient commands, rejects the others, and never sends a part of a transaction', async () => {
    const redis = await server('demoted');
    const patient = connect(redis.url, { mode: 'patient' });
    const hurried = connect(redis.url);
    const copy = patient.duplicate();
    cleanups.defer('copy', () => copy.disconnect());
    const guard = guarded(hurried);
    await guard.start();
    const other = connect(redis.url);
    await other.set('{slipway}:before', '1');
    const blocked = copy.bzpopmin('{slipway}:queue', 0);
    await expect.poll(async () => await other.client('LIST')).toMatch(/cmd=bzpopmin/);
    await other.replicaof('127.0.0.1', await freePort());
    const script = "return redis.call('INCR', KEYS[1])";
    const waiting = [
      patient.incr('{slipway}:count'),
      patient.eval(script, 1, '{slipway}:count'),
      copy.incr('{slipway}:count'),
    ];
    await expect(hurried.incr('{slipway}:count')).rejects.toThrow(/READONLY/);
    await expect
      .poll(() =>
        guard.ready().then(
          () => 'ready',
          (error) => error.code,
        ),
      )
      .toBe('redis_readonly');
    expect(await hurried.get('{slipway}:before')).toBe('1');
    await expect(patient.multi().set('{slipway}:part', '1').incr('{slipway}:count').exec()).rejects.toThrow();
    const pipelined = patient.pipeline().set('{slipway}:part', '1').get('{slipway}:before').exec();
    expect((await pipelined)?.[0]?.[0]).toBeInstanceOf(Error);
    await other.replicaof('NO', 'ONE');
    // The client may have resent the blocking command first. The other commands of its connection then wait behind it.
    await other.zadd('{slipway}:queue', 1, 'member');
    expect(await blocked).toEqual(['{slipway}:queue', 'member', '1']);
    await Promise.all(waiting);
    expect(await other.get('{slipway}:count')).toBe('3');
    expect(await other.exists('{slipway}:part')).toBe(0);
    await expect
      .poll(() =>
        guard.ready().then(
          () => 'ready',
          (error) => error.code,
        ),
      )
      .toBe('ready');
  });
});

/** Splits rules into words. A part in brackets is one word. */
const ruleWords = (rules: string) => rules.match(/\([^)]*\)|\S+/g) ?? [];

async function startClusterNode(): Promise<string> {
  const dir = join(folder.path, 'cluster');
  await mkdir(dir);
  const port = await freePort();
  const settings = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    dir,
    '--cluster-enabled',
    'yes',
    '--save',
    '',
  ];
  const connection = connect(`redis://127.0.0.1:${port}`);
  const node = await startProcess({
    ...{ name: 'redis', command: 'redis-server', args: settings },
    ready: () =>
      connection.ping().then(
        () => true,
        () => false,
      ),
  });
  cleanups.defer('cluster', () => node.stop());
  return `redis://127.0.0.1:${port}`;
}
