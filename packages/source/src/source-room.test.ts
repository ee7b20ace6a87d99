import { randomUUID } from 'node:crypto';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Keys, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { SourceOwners } from './index.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const mebibyte = 1024 * 1024;
const maxBytes = 20 * mebibyte;
const source = (digit: string, bytes: number) => {
  return { digest: `sha256:${digit.repeat(64)}`, bytes, files: 1 };
};
const full = { code: 'source_quota_exceeded' };

function setUp() {
  const keys: Keys = redisKeys(`test-${randomUUID()}`);
  const owners = new SourceOwners({ redis, keys });
  return { keys, owners, room: (signal?: AbortSignal) => owners.room('one', maxBytes, { signal }) };
}
const arrived = (bytes: number) => ({ disk: bytes, files: bytes });

describe('room for sources', () => {
  it('is not exceeded by concurrent admissions', async () => {
    const { owners, room } = setUp();
    const rooms = Array.from({ length: 5 }, () => room());
    const admitted = await Promise.allSettled(
      rooms.map((each, n) => each.admit(source(`${n}`, 8 * mebibyte))),
    );
    expect(admitted.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    await Promise.all(rooms.map((each) => each.close()));
    const later = room();
    await later.admit(source('a', maxBytes));
    expect(await owners.add('one', source('a', maxBytes), { maxBytes, reservation: later.id })).toEqual({
      outcome: 'new',
    });
    await later.close();
    await expect(room().admit(source('b', 1))).rejects.toMatchObject(full);
  });

  it('goes to one source at a time beyond the quota, the oldest first, because the tenant may have it already', async () => {
    const { owners, room } = setUp();
    await owners.add('one', source('a', maxBytes));
    const [first, second] = [room(), room()];
    await first.grow(arrived(mebibyte));
    const order: string[] = [];
    const waiting = second.grow(arrived(mebibyte)).then(() => order.push('second'));
    await first.grow(arrived(16 * mebibyte));
    order.push('first');
    await first.admit(source('a', maxBytes));
    await first.close();
    await waiting;
    expect(order).toEqual(['first', 'second']);
    await expect(second.admit(source('b', 1))).rejects.toMatchObject(full);
    await second.close();
  });

  it('is refused at once to a source that alone exceeds the quota, and an aborted upload stops waiting', async () => {
    const { room } = setUp();
    const large = room();
    await expect(large.grow(arrived(maxBytes + 1))).rejects.toMatchObject(full);
    const first = room();
    await first.grow(arrived(16 * mebibyte));
    const leave = new AbortController();
    const waiting = room(leave.signal).grow(arrived(mebibyte));
    leave.abort();
    await expect(waiting).rejects.toThrow();
    await first.close();
  });

  it('stays promised to a source that began to wait when it was allowed to', async () => {
    const { owners, room } = setUp();
    const first = room();
    await first.grow(arrived(16 * mebibyte));
    let asked = 0;
    const mayWait = () => ++asked === 1;
    const second = owners.room('one', maxBytes, { mayWait });
    const waiting = second.grow(arrived(16 * mebibyte));
    await expect.poll(() => asked).toBe(1);
    const looks = vi.spyOn(redis, 'evalsha');
    await expect.poll(() => looks.mock.calls.length).toBeGreaterThan(1);
    looks.mockRestore();
    const third = owners.room('one', maxBytes, { mayWait });
    await expect(third.grow(arrived(16 * mebibyte))).rejects.toMatchObject(full);
    await first.close();
    await waiting;
    expect(asked).toBe(2);
    await second.close();
  });

  it('is free again when the lease of a dead process has expired', async () => {
    const { keys, room } = setUp();
    await redis.hset(keys.sourcesReserved('one'), { last: '7', 7: `${maxBytes} 1000 admitted` });
    const next = room();
    await next.admit(source('a', maxBytes));
    expect(await redis.hkeys(keys.sourcesReserved('one'))).toEqual(['last', next.id]);
    await next.close();
    expect(await redis.pttl(keys.sourcesReserved('one'))).toBeGreaterThan(0);
  });
});
