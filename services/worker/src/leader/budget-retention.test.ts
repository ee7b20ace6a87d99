import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JobStore } from '@slipway/control-plane/jobs';
import { DeliveryStore } from '@slipway/control-plane/webhooks';
import { openBlobStore } from '@slipway/shared/blobs';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { afterEach, expect, inject, it } from 'vitest';
import { BudgetRetention } from './budget-retention.js';

const logger = createLogger({ name: 'test', level: 'fatal' });
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanups.splice(0).reverse()) await step();
});

it('removes the oldest ended jobs of a tenant near its limit, and no others', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-budget-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const owned = new Cleanups();
  cleanups.push(() => owned.run(logger));
  const redis = connectRedis({
    ...{ url: inject('redisUrl'), name: 'test', logger, cleanups: owned },
    mode: 'request',
  });
  const keys = redisKeys(`budget-${process.pid}-${Date.now()}`);
  const store = new JobStore({ redis, keys });
  const deliveries = new DeliveryStore({ redis, keys });
  const blobs = await openBlobStore(`file://${folder}`);
  const task = new BudgetRetention({ redis, keys, store, blobs, deliveries, logger });
  const job = async (name: string, options: { canceled: boolean; old?: boolean }) => {
    const id = newId('job');
    const source = { digest: `sha256:${'0'.repeat(64)}` };
    const spec = jobSpecSchema.parse({ image: `r.example/${id}:1`, source });
    await store.create(id, spec, { tenant: { name, weight: 1 }, maxStoredBytes: 40_000 });
    if (options.canceled) await store.cancel(id);
    // As if it had ended two hours ago.
    if (options.old) await redis.hincrby(keys.job(id), 'finished_at', -7_200_000);
    return id;
  };
  const near = [
    await job('default', { canceled: false }),
    await job('default', { canceled: true }),
    await job('default', { canceled: true, old: true }),
    await job('default', { canceled: true, old: true }),
  ];
  while (Number(await redis.hget(keys.stored('default'), 'bytes')) <= 32_000) {
    near.push(await job('default', { canceled: false }));
  }
  await redis.zadd(keys.tenants, 0, 'calm');
  const calm = await job('calm', { canceled: true, old: true });
  await task.run(new AbortController().signal);
  const left = await Promise.all([...near, calm].map(async (id) => (await store.get(id)) !== undefined));
  expect(left).toEqual([true, true, false, false, ...near.slice(4).map(() => true), true]);
});
