import { randomUUID } from 'node:crypto';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { setVirtualTime, virtualClock } from '@slipway/shared/virtual-time';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Announcer } from './announcer.js';
import { type AnnouncedReplica, ReplicaRegistry } from './registry.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
const clock = virtualClock(1_700_000_000_000);
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
  setVirtualTime(redis, clock);
});
afterAll(() => cleanups.run(logger));

const replica = (url: string, more: Partial<AnnouncedReplica> = {}): AnnouncedReplica => ({
  ...{ url, kind: 'k8s', max: 4, pool: 'default', platforms: [], ...more },
});
const [a, b, c] = [replica('a'), replica('b'), replica('c')];

/** Workers of one installation, and what each of them has announced since the last look. */
function workers() {
  const keys = redisKeys(`announcer-${randomUUID()}`);
  const registry = new ReplicaRegistry({ redis, keys, now: clock.now });
  const worker = () => {
    const announced: string[] = [];
    const announcer = new Announcer({
      ...{ redis, keys },
      registry: {
        async announce(replicas) {
          announced.push(...replicas.map(({ url }) => url));
          return await registry.announce(replicas);
        },
      },
    });
    return async (...replicas: AnnouncedReplica[]) => {
      await announcer.announce(replicas);
      return announced.splice(0);
    };
  };
  const known = async () => (await registry.list()).map(({ url }) => url);
  const pass = (ms: number) => clock.set(clock.now() + ms);
  return { keys, registry, worker, known, pass };
}

describe('workers that find the same replicas', () => {
  it('announce them once, and all workers keep them known', async () => {
    const { worker, known, pass } = workers();
    const [one, two] = [worker(), worker()];
    expect(await one(a, b)).toEqual(['a', 'b']);
    expect(await two(b, a)).toEqual([]);
    for (let at = 0; at < 4; at++) {
      pass(30_000);
      // The first worker is gone.
      await two(a, b);
      expect(await known()).toEqual(['a', 'b']);
    }
    expect(await worker()()).toEqual([]);
  });

  it('announce a change alone, and everything again after a while', async () => {
    const { worker, registry, pass } = workers();
    const [one, two] = [worker(), worker()];
    await one(a, b);
    await two(a, b);
    expect(await two(a, b, c)).toEqual(['c']);
    expect(await one(a, b, c)).toEqual([]);
    expect(await one(a, { ...b, isLeaving: true }, c)).toEqual(['b']);
    expect(await registry.isLeaving('b')).toBe(true);
    expect(await two(a, { ...b, isLeaving: true }, c)).toEqual([]);
    pass(60_001);
    expect(await one(a, { ...b, isLeaving: true }, c)).toEqual(['a', 'b', 'c']);
  });

  it('announce a replica again that another worker has retired', async () => {
    const { worker, registry, known } = workers();
    const [one, two] = [worker(), worker()];
    await one(a, b);
    await two(a, b);
    await registry.retire(['b']);
    expect(await known()).toEqual(['a']);
    expect(await two(a, b)).toEqual(['b']);
    expect(await one(a, b)).toEqual([]);
    expect(await known()).toEqual(['a', 'b']);
  });
});
