import { randomBytes } from 'node:crypto';
import { expect, inject, it, onTestFinished } from 'vitest';
import { Cleanups } from '../lifecycle/index.js';
import { createLogger } from '../logger/index.js';
import { connectRedis } from './connect.js';

const logger = createLogger({ name: 'test', level: 'silent' });

async function connected() {
  const cleanups = new Cleanups();
  onTestFinished(() => cleanups.run(logger));
  const url = inject('redisUrl');
  const redis = connectRedis({ url, name: 'observed', logger, cleanups, mode: 'patient' });
  await redis.ping();
  return { redis, key: `following-${randomBytes(6).toString('hex')}` };
}

it('commands of one turn of the event loop leave together, in their order', async () => {
  const { redis, key } = await connected();
  const replies = [
    redis.rpush(key, 'a'),
    redis.pipeline().rpush(key, 'b').rpush(key, 'c').exec(),
    redis.rpush(key, 'd'),
    redis.lrange(key, 0, -1),
    redis.del(key),
  ];
  // The socket has sent nothing yet, and then sends all.
  expect(redis.stream.writableLength).toBeGreaterThan(100);
  expect((await Promise.all(replies))[3]).toEqual(['a', 'b', 'c', 'd']);
  expect(redis.stream.writableLength).toBe(0);
});

it('commands that precede the end of a connection arrive', async () => {
  const { redis, key } = await connected();
  const written = redis.set(key, 'x', 'PX', 1_000);
  redis.disconnect();
  expect(await written).toBe('OK');
});

it('a broken connection holds back no commands of the next one', async () => {
  const { redis, key } = await connected();
  const before = redis.set(key, '1', 'PX', 1_000);
  redis.stream.destroy();
  const after = redis.get(key);
  expect(await Promise.all([before, after])).toEqual(['OK', '1']);
});
