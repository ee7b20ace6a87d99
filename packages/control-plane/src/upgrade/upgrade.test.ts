import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { FunctionStore } from '../functions/index.js';
import { BatchStore, JobStore } from '../jobs/index.js';
import { DeliveryStore, removeEarlierQueue } from '../webhooks/index.js';

/** A key by what follows the prefix of the installation. */
type Stored = { readonly key: string; readonly ttl?: number } & (
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'hash'; readonly value: Readonly<Record<string, string>> }
  | { readonly type: 'set' | 'zset' | 'list'; readonly value: readonly string[] }
  | { readonly type: 'stream'; readonly value: readonly (readonly [id: string, fields: string[]])[] }
);

/** Returns a dump: ids by name, and all keys of an installation. */
const readDump = (name: string) =>
  readFileSync(new URL(name, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line)) as [Readonly<Record<string, string>>, ...Stored[]];

/** All keys of an installation whose version knew no further tags of an image, with jobs, batches and deliveries in each state, and their ids by that state. */
const [ids, ...stored] = readDump('records.ndjson');
const idOf = (name: string): string => {
  const id = ids[name];
  if (id === undefined) throw new Error(`the dump has no ${name}`);
  return id;
};

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

async function restore(base: string, stored: Stored): Promise<void> {
  const key = base + stored.key;
  switch (stored.type) {
    case 'string':
      await redis.set(key, stored.value);
      break;
    case 'hash':
      await redis.hset(key, stored.value);
      break;
    case 'set':
      await redis.sadd(key, ...stored.value);
      break;
    case 'list':
      await redis.rpush(key, ...stored.value);
      break;
    case 'zset':
      for (let at = 0; at < stored.value.length; at += 2)
        await redis.zadd(key, stored.value[at + 1] ?? '', stored.value[at] ?? '');
      break;
    case 'stream':
      for (const [id, fields] of stored.value) await redis.xadd(key, id, ...fields);
  }
  if (stored.ttl !== undefined) await redis.pexpire(key, stored.ttl);
}

async function installation() {
  const keys = redisKeys(`test-${randomUUID()}`);
  for (const each of stored) await restore(keys.base, each);
  // The jobs wait since the dump was made.
  const store = new JobStore({ redis, keys, queueTimeoutMs: Number.MAX_SAFE_INTEGER });
  const batches = new BatchStore({ redis, keys });
  const states = async (names: readonly string[]) =>
    Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, (await store.get(idOf(name)))?.state])),
    );
  const result = { image: 'registry.example/x:1', digest: `sha256:${'d'.repeat(64)}`, duration_ms: 5 };
  const succeed = (id: string, token: string) => store.finish(id, token, { state: 'succeeded', result });
  /** Builds whatever may start, until nothing more does. */
  const buildAll = async () => {
    for (;;) {
      await store.wakeTenants();
      await store.wakeRegistries();
      let built = 0;
      for (const id of await store.oldest('queued', 1_000)) {
        // What is not parked is in the queue, or will be.
        if (await redis.hexists(keys.job(id), 'parked')) continue;
        if ((await store.admit(id)).outcome !== 'ready') continue;
        const started = await store.start(id, {
          ...{ token: `new-${id}`, worker: 'wrk-new', replica: 'http://builder:8080', takesSuspects: true },
        });
        if (started.outcome !== 'started') continue;
        expect(await succeed(id, `new-${id}`)).toBe(true);
        built++;
      }
      if (built === 0) return;
    }
  };
  return { keys, store, batches, deliveries: new DeliveryStore({ redis, keys }), states, succeed, buildAll };
}

const jobNames = Object.keys(ids).filter((name) => idOf(name).startsWith('job_'));

describe('an installation whose records are of an earlier version', () => {
  test('can read all of them', async () => {
    const { keys, states, batches, deliveries } = await installation();
    expect(Object.values(await states(jobNames))).not.toContain(undefined);
    for (const name of ['batch', 'draft']) expect(await batches.get(idOf(name))).toBeDefined();
    for (const name of ['delivered', 'leased', 'parked', 'due', 'callback'])
      expect(await deliveries.get('default', idOf(name))).toBeDefined();
    const functions = await new FunctionStore({ redis, keys }).getMany('default', [
      'shop/done',
      'shop/failed',
    ]);
    expect(functions.map(({ name }) => name)).toEqual(['shop/done', 'shop/failed']);
  });

  test('ends every job and batch', async () => {
    const { keys, store, batches, states, succeed, buildAll } = await installation();
    // Workers of the earlier version end what they hold.
    expect(await succeed(idOf('running'), idOf('running'))).toBe(true);
    expect(await succeed(idOf('team-runs'), idOf('team-runs'))).toBe(true);
    const canceled = { code: 'canceled' as const, detail: 'The job was canceled.', log_tail: [] };
    expect(
      await store.finish(idOf('canceling'), idOf('canceling'), { state: 'canceled', error: canceled }),
    ).toBe(true);
    await buildAll();
    await batches.giveUp(idOf('draft'));
    await store.cancel(idOf('draft-1'));

    const ended = { failed: 'failed', canceling: 'canceled', 'draft-1': 'canceled' };
    expect(await states(jobNames)).toEqual({
      ...Object.fromEntries(jobNames.map((name) => [name, 'succeeded'])),
      ...ended,
    });
    expect(await batches.get(idOf('batch'))).toMatchObject({
      counts: { succeeded: 3 },
      finishedAt: expect.any(Number),
    });
    const lists = [keys.undispatched, keys.tenantsWithParkedJobs, keys.openBatches, keys.draftBatches];
    expect(await Promise.all(lists.map((key) => redis.zcard(key)))).toEqual([0, 0, 0, 0]);
    expect(await redis.keys(`${keys.base}image:running:*`)).toEqual([]);
    expect(await redis.keys(`${keys.base}sharers:*`)).toEqual([]);
  });

  test('takes over a job whose worker is gone', async () => {
    const { store } = await installation();
    const reply = await store.start(idOf('running'), {
      ...{ token: 'new', worker: 'wrk-new', replica: 'http://builder:8080', takesSuspects: true },
    });
    expect(reply).toMatchObject({ outcome: 'started', takenOver: true, record: { attempts: [{}, {}] } });
    expect(await store.place(idOf('running'), idOf('running'), { replica: 'http://other:8080' })).toBe(
      'stale',
    );
  });

  test('sends every delivery', async () => {
    const { deliveries } = await installation();
    const arrived = {
      attempt: { at: 1, durationMs: 1, status: 204 },
      verdict: { kind: 'delivered' },
    } as const;
    expect(await deliveries.end(idOf('leased'), 'held', arrived)).toMatchObject({ stale: false });
    await expect
      .poll(async () => {
        await deliveries.wakeLanes();
        for (const id of (await deliveries.claim(100)).ids) {
          const begun = await deliveries.begin(id, { token: id, leaseMs: 60_000, maxInFlight: 2 });
          if (begun.outcome === 'begun') await deliveries.end(id, id, arrived);
        }
        return await deliveries.countEnded();
      })
      .toBe(5);
    for (const name of ['leased', 'parked', 'due', 'callback'])
      expect(await deliveries.get('default', idOf(name))).toMatchObject({ state: 'delivered' });
  });
});

describe('an installation whose version kept due deliveries in BullMQ, too', () => {
  const [queuedIds, ...queued] = readDump('queued-deliveries.ndjson');
  const restored = async () => {
    const keys = redisKeys(`test-${randomUUID()}`);
    for (const each of queued) await restore(keys.base, each);
    const queueKeys = () => redis.keys(`${keys.bullPrefix}:deliveries:*`);
    return { keys, queueKeys, deliveries: new DeliveryStore({ redis, keys }) };
  };

  test('sends those that waited, were due for a retry, were leased and were parked, each once', async () => {
    const { deliveries } = await restored();
    const begun: string[] = [];
    await expect
      .poll(async () => {
        await deliveries.wakeLanes();
        for (const id of (await deliveries.claim(100)).ids) {
          const { outcome } = await deliveries.begin(id, { token: id, leaseMs: 60_000, maxInFlight: 2 });
          if (outcome !== 'begun') continue;
          begun.push(id);
          const attempt = { at: 1, durationMs: 1, status: 204 };
          await deliveries.end(id, id, { attempt, verdict: { kind: 'delivered' } });
        }
        return await deliveries.countEnded();
      })
      .toBe(4);
    const { endpoint: _endpoint, ...made } = queuedIds;
    expect(begun.toSorted()).toEqual(Object.values(made).toSorted());
  });

  test('loses the queue once no worker of that version runs, and no delivery with it', async () => {
    const { keys, queueKeys, deliveries } = await restored();
    const before = await queueKeys();
    await removeEarlierQueue({ redis, keys });
    expect((await queueKeys()).toSorted()).toEqual(before.toSorted());
    await redis.del(`${keys.bullPrefix}:deliveries:stalled-check`);
    await removeEarlierQueue({ redis, keys });
    expect(await queueKeys()).toEqual([]);
    for (const name of ['retried', 'waiting', 'leased', 'parked'])
      expect(await deliveries.get('default', queuedIds[name] ?? '')).toMatchObject({ state: 'pending' });
  });
});
