import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BatchStore } from '@slipway/control-plane/jobs';
import { Secret } from '@slipway/shared/config';
import { type BatchOptions, batchMessageSchema, isTerminal } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { deriveKey, seal } from '@slipway/shared/signing';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { held, type Replica, startReplica, stream } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret, tenant } from './testing/start-worker.js';

let installation: Installation;
let builder: Replica;
let batches: BatchStore;
beforeEach(async () => {
  installation = await createInstallation(inject('redisUrl'));
  builder = await startReplica(payloadSecret);
  const { redis, keys } = installation;
  batches = new BatchStore({ redis, keys });
});
afterEach(async () => {
  await installation.dispose();
  await builder.stop();
});

interface Draft extends Partial<BatchOptions> {
  readonly id?: string;
  readonly sealedCallbackSecret?: string;
}

/** A batch that is written and not accepted yet. */
async function draft(
  total: number,
  { id: batch = newId('batch'), sealedCallbackSecret, ...options }: Draft = {},
) {
  const { store } = installation;
  const other = await installation.record();
  const spec = (await store.get(other))?.spec;
  if (!spec) throw new Error('no record');
  await store.cancel(other);
  await batches.open(batch, {
    tenant,
    total,
    options: { on_failure: 'continue', labels: { run: '7' }, ...options },
    sealedCallbackSecret,
  });
  const ids: string[] = [];
  for (let at = 0; at < total; at++) {
    const id = newId('job');
    ids.push(id);
    await store.create(id, { ...spec, image: `r.example/${batch}-${at}:1` }, { tenant, batch });
  }
  return { batch, ids };
}

const finished = (batch: string) =>
  expect.poll(async () => (await batches.get(batch))?.finishedAt).toEqual(expect.any(Number));
const statesOf = (ids: readonly string[]) =>
  Promise.all(ids.map(async (id) => (await installation.store.get(id))?.state));

async function receiver() {
  const calls: { body: string; headers: Record<string, string> }[] = [];
  const server = createServer(async (req, res) => {
    calls.push({
      body: Buffer.concat(await req.toArray()).toString(),
      headers: req.headers as Record<string, string>,
    });
    res.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return { calls, url, close: () => server.close() };
}

describe('the leader', () => {
  it('cancels a draft whose writer stopped, and builds none of its jobs', async () => {
    const { batch, ids } = await draft(3);
    const { redis, keys } = installation;
    await redis.zadd(keys.draftBatches, Date.now() - 61_000, batch);
    await installation.startWorker([builder.url]);
    await finished(batch);
    expect([await statesOf(ids), builder.payloads]).toEqual([['canceled', 'canceled', 'canceled'], []]);
  });

  it('leaves a batch alone that is being written', async () => {
    const other = await draft(1);
    const { batch } = await draft(1);
    const { redis, keys } = installation;
    await redis.zadd(keys.draftBatches, Date.now() - 61_000, other.batch);
    await installation.startWorker([builder.url]);
    await finished(other.batch);
    expect(await batches.commit(batch)).toBeDefined();
    await finished(batch);
    expect((await batches.get(batch))?.counts.succeeded).toBe(1);
  });

  it('cancels a batch that was canceled, what runs of it too', async () => {
    const { behaviour, begun } = held();
    builder.next(behaviour);
    const { batch, ids } = await draft(5, { max_running: 1 });
    await batches.commit(batch);
    await installation.startWorker([`${builder.url}#max=1`]);
    await begun;
    await batches.stop(batch);
    await finished(batch);
    expect(new Set(await statesOf(ids))).toEqual(new Set(['canceled']));
    expect(builder.payloads).toHaveLength(1);
  });

  it('lets what runs end when another job of the batch has failed, and cancels the rest', async () => {
    const { behaviour, begun, release } = held();
    builder.next(behaviour, stream({ status: 'failed', error: 'exit code: 1', log: [] }));
    const { batch, ids } = await draft(5, { max_running: 2, on_failure: 'stop' });
    await batches.commit(batch);
    await installation.startWorker([`${builder.url}#max=2`]);
    await begun;
    await expect
      .poll(async () => (await statesOf(ids)).filter((state) => state && isTerminal(state)).length)
      .toBe(4);
    release();
    await finished(batch);
    expect((await batches.get(batch))?.counts).toMatchObject({ succeeded: 1, failed: 1, canceled: 3 });
    expect(builder.payloads).toHaveLength(2);
  });
});

describe('the notifier', () => {
  it('reports the end of a batch to its callback once, signed with its own secret', async () => {
    const hook = await receiver();
    const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
    const key = deriveKey(new Secret(payloadSecret), 'callback secrets');
    const batch = newId('batch');
    builder.next(stream({ status: 'failed', error: 'exit code: 1', log: ['step 2'] }));
    const sealedCallbackSecret = seal(key, secret, batch);
    const { ids } = await draft(3, { id: batch, sealedCallbackSecret, callback: { url: hook.url } });
    await batches.commit(batch);
    await installation.startWorker([`${builder.url}#max=1`]);
    await expect.poll(() => hook.calls.length).toBe(1);
    const [call] = hook.calls;
    const message = new Webhook(secret).verify(call?.body ?? '', call?.headers ?? {});
    const { type, data } = batchMessageSchema.parse(message);
    expect([type, data.batch]).toEqual([
      'batch.finished',
      {
        id: batch,
        total: 3,
        counts: { queued: 0, running: 0, succeeded: 2, failed: 1, canceled: 0 },
        labels: { run: '7' },
      },
    ]);
    expect(data.failures).toEqual([
      { id: expect.toBeOneOf(ids), image: expect.any(String), code: 'build_failed' },
    ]);
    expect(call?.headers['webhook-id']).toBe(`msg_${batch}`);
    // Another event follows through the same stream, and brings nothing more of the batch.
    await installation.submit({ callback: { url: hook.url } });
    await expect.poll(() => hook.calls.length).toBe(2);
    expect(hook.calls[1]?.body).toContain('job.succeeded');
    hook.close();
  });
});
