import type { ServerResponse } from 'node:http';
import { DeliveryStore } from '@slipway/control-plane/webhooks';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import type { Receiver } from './testing/receiver.js';
import { arrived, received, testMessage, useWebhooks } from './testing/webhooks.js';

const { webhooks, receiver, endpoint, startWorker, canceled, deliveriesTo } = useWebhooks(inject('redisUrl'));

describe('without the sweep of a leading worker', () => {
  /** Keeps all workers from the lead while the test runs. */
  beforeEach(async () => {
    const { redis, keys } = webhooks.installation;
    await redis.set(keys.leader, 'no worker', 'PX', 600_000);
  });
  /** Answers once `together` requests are in progress, and counts the maximum. */
  const answersBy = async (together: number) => {
    const hook = await receiver();
    const seen = { hook, most: 0 };
    const underWay: ServerResponse[] = [];
    hook.answer((res) => {
      seen.most = Math.max(seen.most, underWay.push(res));
      if (underWay.length < together) return;
      for (const each of underWay.splice(0)) each.writeHead(204).end();
    });
    return seen;
  };
  const messagesOf = ({ calls }: Receiver) => new Set(calls.map((call) => call.id));

  it('a burst arrives whole, each message once, never more at once than the endpoint takes', async () => {
    const [narrow, hanging] = [await answersBy(2), await answersBy(3)];
    const events = ['job.canceled' as const];
    const { id } = await endpoint(narrow.hook, { events, max_in_flight: 2 });
    await endpoint(hanging.hook, { events, max_in_flight: 2 });
    for (let n = 0; n < 50; n++) await canceled();
    await startWorker();
    await expect
      .poll(async () => (await deliveriesTo(id)).filter(({ state }) => state === 'delivered').length)
      .toBe(50);
    expect(messagesOf(narrow.hook).size).toBe(50);
    expect(narrow.hook.calls).toHaveLength(50);
    expect(hanging.most).toBe(2);
  });

  it('what the API makes arrives: tests, and messages that are sent again', async () => {
    const { hook } = await answersBy(1);
    const { redis, keys } = webhooks.installation;
    const { id } = await endpoint(hook, { events: ['job.canceled'], max_in_flight: 1 });
    const api = new DeliveryStore({ redis, keys });
    const failing = Array.from({ length: 5 }, () => testMessage(id, hook.url));
    await api.create(failing.map((each) => ({ ...each, state: 'failed' })));
    expect(await api.recover({ tenant: 'default', endpoint: id, since: 0 })).toBe(5);
    const test = testMessage(id, hook.url);
    await api.create([test]);
    await startWorker();
    const wanted = [...failing, test].map(({ messageId }) => messageId);
    await expect.poll(() => [...messagesOf(hook)].sort()).toEqual(wanted.sort());
    await api.redeliver('default', test.id);
    await arrived(hook, 7);
    expect(hook.calls.filter((call) => call.id === test.messageId)).toHaveLength(2);
  });
});

describe('the log of deliveries', () => {
  it('is kept to a number of ended ones, the newest', async () => {
    const hook = await receiver();
    const { id } = await endpoint(hook, { events: ['job.canceled'] });
    await startWorker({ deliveryRetention: { days: 3, failedDays: 30, deliveries: 2 } });
    for (let n = 1; n <= 4; n++) {
      await canceled();
      await arrived(hook, n);
    }
    await expect
      .poll(async () => (await deliveriesTo(id)).map(({ messageId }) => messageId))
      .toEqual(
        hook.calls
          .slice(2)
          .map((call) => call.id)
          .reverse(),
      );
  });
});

describe('a worker that dies', () => {
  it('loses no delivery that it has written', async () => {
    const hook = await receiver();
    const { id } = await endpoint(hook);
    const lost = testMessage(id, hook.url);
    await webhooks.deliveries.create([lost]);
    await startWorker();
    await arrived(hook, 1);
    expect(hook.calls.map((call) => call.id)).toEqual([lost.messageId]);
  });

  it('loses none that it was about to send, or has sent without anybody knowing', async () => {
    const hook = await receiver();
    const { id } = await endpoint(hook);
    const lost = testMessage(id, hook.url);
    await webhooks.deliveries.create([lost]);
    await webhooks.deliveries.claim(1);
    const begun = await webhooks.deliveries.begin(lost.id, { token: 'dead', leaseMs: 500, maxInFlight: 1 });
    expect(begun.outcome).toBe('begun');
    await startWorker();
    await arrived(hook, 1);
    await expect.poll(async () => (await deliveriesTo(id))[0]?.state).toBe('delivered');
    expect(hook.calls[0]).toMatchObject({ id: lost.messageId, body: lost.body });
  });

  it('loses no event that it has read, and makes nothing twice of one that it had made deliveries of', async () => {
    const hook = await receiver();
    const { id } = await endpoint(hook, { events: ['job.canceled'] });
    const { redis, keys } = webhooks.installation;
    await redis.xgroup('CREATE', keys.events, 'notifier', '0', 'MKSTREAM');
    const job = await canceled();
    await redis.xreadgroup('GROUP', 'notifier', 'dead', 'COUNT', 100, 'STREAMS', keys.events, '>');
    const pending = (await redis.xpending(keys.events, 'notifier', '-', '+', 10)) as [string][];
    expect(pending).toHaveLength(2);
    for (const [position] of pending)
      await redis.xclaim(keys.events, 'notifier', 'dead', 0, position, 'IDLE', 60_000);
    await startWorker();
    await arrived(hook, 1);
    // The same events once more, as if they had never been settled.
    await redis.xgroup('SETID', keys.events, 'notifier', '0');
    const after = await canceled();
    await arrived(hook, 2);
    expect(received(hook)).toEqual([job, after].map((each) => ['job.canceled', each]));
    expect(await deliveriesTo(id)).toHaveLength(2);
  });
});
