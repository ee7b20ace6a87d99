import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import {
  DeliveryStore,
  type EndpointRecord,
  EndpointStore,
  type NewDelivery,
} from '@slipway/control-plane/webhooks';
import { Secret } from '@slipway/shared/config';
import { type EndpointRequest, endpointRequestSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { deriveKey, seal, unseal, webhookSecrets } from '@slipway/shared/signing';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { WorkerConfig } from './config.js';
import { parseWebhookTokens } from './notify/tokens.js';
import { type ReceivedCall, type Receiver, startReceiver, status } from './testing/receiver.js';
import { held, startReplica } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from './testing/start-worker.js';

let installation: Installation;
let endpoints: EndpointStore;
let deliveries: DeliveryStore;
let closing: (() => Promise<unknown>)[];
beforeEach(async () => {
  installation = await createInstallation(inject('redisUrl'));
  const { redis, keys } = installation;
  endpoints = new EndpointStore({
    redis,
    keys,
    sealingKey: deriveKey(new Secret(payloadSecret), 'callback secrets'),
  });
  deliveries = new DeliveryStore({ redis, keys });
  closing = [];
});
afterEach(async () => {
  // What hangs is let go first, so that workers need not wait for it.
  await Promise.all(closing.map((close) => close()));
  await installation.dispose();
});

const receiver = async (): Promise<Receiver> => {
  const started = await startReceiver();
  closing.push(() => started.close());
  return started;
};
const endpoint = async (
  to: Receiver | string,
  changes: Partial<EndpointRequest> = {},
  tenant = 'default',
) => {
  const url = typeof to === 'string' ? to : to.url;
  const { endpoint: record, secret } = await endpoints.create(
    tenant,
    endpointRequestSchema.parse({ url, ...changes }),
  );
  return { id: record.id, secret };
};
/** Without builders nothing is built. */
const startWorker = (changes: Partial<WorkerConfig> = {}, builders = ['http://127.0.0.1:1']) =>
  installation.startWorker(builders, changes);

/** A job that is over at once, which makes a `job.queued` and a `job.canceled`. */
const canceled = async (changes: object = {}, tenant = 'default'): Promise<string> => {
  const id = newId('job');
  await installation.create(id, changes, { tenant: { name: tenant, weight: 1 } });
  await installation.store.cancel(id);
  return id;
};
const arrived = (hook: Receiver, count: number) =>
  expect.poll(() => hook.calls.length).toBeGreaterThanOrEqual(count);
const received = (hook: Receiver) =>
  hook.messages().map(({ type, data }) => [type, 'job' in data ? data.job.id : undefined]);
const of = async (endpointId: string) =>
  (await deliveries.list({ tenant: 'default', endpoint: endpointId, limit: 100 })).records;
const testMessage = (endpointId: string, url: string): NewDelivery => ({
  id: `dlv_${randomBytes(16).toString('hex')}`,
  messageId: `msg_${randomBytes(8).toString('hex')}`,
  tenant: 'default',
  lane: `endpoint:${endpointId}`,
  endpointId,
  url,
  type: 'webhook.test',
  sequence: 1,
  format: { type: 'standard' },
  body: JSON.stringify({
    type: 'webhook.test',
    api_version: 'v1',
    timestamp: new Date().toISOString(),
    data: { sequence: 1, url: '/', webhook: { id: endpointId, url } },
  }),
});
const verify = (secret: string, { body, headers }: ReceivedCall) =>
  new Webhook(secret).verify(body, headers as Record<string, string>);

describe('endpoints', () => {
  it('receive the events that they subscribe to, by type, labels and tenant', async () => {
    const [ends, labelled, all, foreign] = [
      await receiver(),
      await receiver(),
      await receiver(),
      await receiver(),
    ];
    await endpoint(ends);
    await endpoint(labelled, { events: ['job.queued', 'job.canceled'], labels: { team: 'a', env: 'prod' } });
    await endpoint(all, { events: ['job.queued', 'job.started', 'job.canceled'] });
    await endpoint(foreign, {}, 'other');
    await endpoint(`${foreign.url}/off`, { enabled: false }, 'other');
    await startWorker();
    const mine = await canceled({ labels: { team: 'a', env: 'prod', more: 'x' } });
    const half = await canceled({ labels: { team: 'a' } });
    const theirs = await canceled({ labels: { team: 'a', env: 'prod' } }, 'other');
    await arrived(all, 4);
    await arrived(ends, 2);
    await arrived(labelled, 2);
    await arrived(foreign, 1);
    // Whatever else is wrongly sent would be sent before what comes after it in the stream.
    const last = await canceled();
    const lastOfOther = await canceled({}, 'other');
    await arrived(all, 6);
    await arrived(ends, 3);
    await arrived(foreign, 2);
    expect(received(ends).sort()).toEqual([mine, half, last].map((id) => ['job.canceled', id]).sort());
    expect(received(labelled).sort()).toEqual([
      ['job.canceled', mine],
      ['job.queued', mine],
    ]);
    expect(received(all)).toHaveLength(6);
    expect(received(foreign).sort()).toEqual([theirs, lastOfOther].map((id) => ['job.canceled', id]).sort());
  });

  it('receive the events of a job in order, with links to the API', async () => {
    const hook = await receiver();
    await endpoint(hook, { events: ['job.queued', 'job.started', 'job.succeeded'] });
    const builder = await startReplica(payloadSecret);
    closing.push(() => builder.stop());
    await startWorker({ publicUrl: 'https://slipway.example/ci' }, [builder.url]);
    const id = await installation.submit();
    await installation.ended(id);
    await arrived(hook, 3);
    const messages = hook.messages().sort((a, b) => a.data.sequence - b.data.sequence);
    expect(messages.map(({ type, data }) => [type, data.url])).toEqual(
      ['job.queued', 'job.started', 'job.succeeded'].map((type) => [
        type,
        `https://slipway.example/ci/v1/jobs/${id}`,
      ]),
    );
    expect(new Set(hook.calls.map(({ id: each }) => each)).size).toBe(3);
  });

  it('wait for no other: one that hangs, with hundreds of messages', async () => {
    const [slow, quick] = [await receiver(), await receiver()];
    slow.answer(() => undefined);
    const settings = { events: ['job.canceled' as const] };
    await endpoint(slow, settings);
    await endpoint(quick, settings);
    const started = performance.now();
    await startWorker();
    const ids: string[] = [];
    for (let n = 0; n < 300; n++) ids.push(await canceled());
    await arrived(quick, 300);
    expect(new Set(received(quick).map(([, id]) => id))).toEqual(new Set(ids));
    // Ten requests run at once, and each hangs for 15 s.
    const rounds = Math.ceil((performance.now() - started) / 15_000);
    expect(slow.calls.length).toBeGreaterThanOrEqual(10);
    expect(slow.calls.length).toBeLessThanOrEqual(10 * rounds);
  });

  it('are switched off by 410, which the others receive as an event', async () => {
    const [gone, other, foreign] = [await receiver(), await receiver(), await receiver()];
    gone.answer(status(410));
    const events = ['job.canceled' as const, 'webhook.disabled' as const];
    const { id } = await endpoint(gone, { events });
    const { id: otherId } = await endpoint(other, { events: ['webhook.disabled'], labels: { team: 'a' } });
    const { id: foreignId } = await endpoint(
      foreign,
      { events: ['webhook.disabled', 'job.canceled'] },
      'other',
    );
    await startWorker();
    await canceled();
    await arrived(other, 1);
    expect(other.messages()[0]).toMatchObject({
      type: 'webhook.disabled',
      data: { url: `/v1/webhooks/${id}`, webhook: { id, url: gone.url, reason: 'gone' } },
    });
    expect(await endpoints.get('default', id)).toMatchObject({
      enabled: false,
      disabled: { reason: 'gone' },
    });
    expect(await of(id)).toMatchObject([
      { state: 'failed', reason: 'gone', attempts: [{ number: 1, status: 410 }] },
    ]);
    // What comes now is recorded, so that it can be recovered, and not sent.
    await canceled();
    await canceled({}, 'other');
    await arrived(foreign, 1);
    await expect.poll(async () => (await of(id)).length).toBe(2);
    expect((await of(id)).map(({ state }) => state)).toEqual(['failed', 'failed']);
    expect(gone.calls).toHaveLength(1);
    expect(foreign.messages().map(({ type }) => type)).toEqual(['job.canceled']);
    expect(await of(otherId)).toHaveLength(1);
    expect(await of(foreignId)).toEqual([]);
  });

  it('get every message when they are back, with the same id, the same bytes and both signatures', async () => {
    const hook = await receiver();
    const { id, secret } = await endpoint(hook, { events: ['job.canceled'] });
    hook.answer(status(503));
    await startWorker();
    const first = await canceled();
    await arrived(hook, 1);
    await expect.poll(async () => (await of(id))[0]?.attempts.length).toBe(1);
    await hook.close();
    const second = await canceled();
    await expect
      .poll(async () => (await of(id)).map(({ attempts }) => attempts.at(-1)?.error))
      .toContain('ECONNREFUSED');
    const rotated = (await endpoints.rotate('default', id))?.secret ?? '';
    hook.answer(status(200));
    await hook.open();
    await arrived(hook, 3);
    await expect
      .poll(async () => (await of(id)).map(({ state }) => state))
      .toEqual(['delivered', 'delivered']);
    const [failed, ...delivered] = hook.calls as [ReceivedCall, ...ReceivedCall[]];
    const again = delivered.find((call) => call.id === failed.id);
    expect(again?.body).toBe(failed.body);
    expect(new Set(received(hook).map(([, job]) => job))).toEqual(new Set([first, second]));
    expect(verify(secret, failed)).toMatchObject({ type: 'job.canceled' });
    expect(() => verify(rotated, failed)).toThrow();
    for (const call of delivered) {
      for (const known of [secret, rotated]) expect(verify(known, call)).toMatchObject({ api_version: 'v1' });
    }
  });

  it('of the default tenant receive the event that the circuit of a replica has opened', async () => {
    const [hook, foreign] = [await receiver(), await receiver()];
    const events = ['builder.circuit_opened' as const, 'job.canceled' as const];
    await endpoint(hook, { events, labels: { team: 'a' } });
    const { id: foreignId } = await endpoint(foreign, { events }, 'other');
    const builder = await startReplica(payloadSecret);
    await startWorker({}, [builder.url]);
    await builder.stop();
    for (let n = 0; n < 5; n++) await installation.submit();
    await arrived(hook, 1);
    expect(hook.messages()[0]).toMatchObject({
      type: 'builder.circuit_opened',
      data: { builder: { url: builder.url } },
    });
    await canceled({}, 'other');
    await arrived(foreign, 1);
    expect(foreign.messages()[0]?.type).toBe('job.canceled');
    // Not even on record, for the tenant that it would be made for.
    expect(await of(foreignId)).toEqual([]);
  });
});

describe('a status of a commit', () => {
  const vcs = { repo: 'acme/shop', sha: 'a'.repeat(40) };

  it('is set with the token of the host, and never back to an earlier one', async () => {
    const api = await receiver();
    const { origin, host } = new URL(api.url);
    const { id } = await endpoint(origin, {
      events: ['job.started', 'job.succeeded'],
      format: { type: 'github_commit_status', token: 'gh' },
    });
    const builder = await startReplica(payloadSecret);
    closing.push(() => builder.stop());
    const slow = held();
    builder.next(slow.behaviour);
    const webhookTokens = parseWebhookTokens(`gh@http://${host}=s3cr3t-token`);
    await startWorker({ webhookTokens }, [builder.url]);
    api.answer((res, { headers }) => res.writeHead(500).end(`you said ${headers.authorization}`));
    await installation.submit({ vcs });
    await arrived(api, 1);
    await expect.poll(async () => (await of(id))[0]?.attempts.length).toBe(1);
    api.answer(status(201));
    slow.release();
    await expect
      .poll(async () => (await of(id)).map(({ type, state, reason }) => [type, state, reason]))
      .toEqual([
        ['job.succeeded', 'delivered', undefined],
        ['job.started', 'canceled', 'stale'],
      ]);
    expect(api.calls.map(({ path, body }) => [path, JSON.parse(body).state])).toEqual([
      [`/repos/acme/shop/statuses/${vcs.sha}`, 'pending'],
      [`/repos/acme/shop/statuses/${vcs.sha}`, 'success'],
    ]);
    expect(api.calls[0]?.headers).toMatchObject({ authorization: 'Bearer s3cr3t-token' });
    expect(api.calls[0]?.headers).not.toHaveProperty('webhook-signature');
    expect(JSON.stringify(await of(id))).not.toContain('s3cr3t-token');
  });
});

describe('without the sweep of a leading worker', () => {
  /** Keeps all workers from the lead while the test runs. */
  beforeEach(async () => {
    const { redis, keys } = installation;
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
      .poll(async () => (await of(id)).filter(({ state }) => state === 'delivered').length)
      .toBe(50);
    expect(messagesOf(narrow.hook).size).toBe(50);
    expect(narrow.hook.calls).toHaveLength(50);
    expect(narrow.most).toBe(2);
    expect(hanging.most).toBe(2);
  });

  it('what the API makes arrives: tests, and messages that are sent again', async () => {
    const { hook } = await answersBy(1);
    const { redis, keys } = installation;
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

describe('what cannot be sent', () => {
  const ended = (id: string) =>
    expect
      .poll(async () => (await of(id)).map(({ state, reason }) => [state, reason]))
      .not.toContainEqual(['pending', undefined]);

  it('fails at once, and says what the operator must correct', async () => {
    const api = await receiver();
    const { id } = await endpoint(new URL(api.url).origin, {
      events: ['job.canceled'],
      format: { type: 'github_dispatch', token: 'gh', repo: 'acme/shop', event_type: 'slipway' },
    });
    await startWorker();
    await canceled();
    await expect.poll(async () => (await of(id)).length).toBe(1);
    await ended(id);
    expect(await of(id)).toMatchObject([
      { state: 'failed', reason: expect.stringMatching(/^token_unknown: .*gh/), attempts: [] },
    ]);
    expect(api.calls).toEqual([]);
  });

  it('fails when the secret was sealed with another payload secret', async () => {
    const hook = await receiver();
    const { id } = await endpoint(hook, { events: ['job.canceled'] });
    await startWorker({ payloadSecret: new Secret('another') });
    await canceled();
    await expect.poll(async () => (await of(id)).length).toBe(1);
    await ended(id);
    expect(await of(id)).toMatchObject([{ state: 'failed', reason: 'secret_unreadable' }]);
    expect(hook.calls).toEqual([]);
  });
});

describe('while the payload secret is replaced', () => {
  const [replaced, current] = [new Secret(payloadSecret), new Secret('the next payload secret')];
  const replacing = { payloadSecret: current, previousPayloadSecrets: [replaced] };
  const opens = (by: Secret, { id, sealedSecret }: EndpointRecord) => {
    try {
      return unseal(deriveKey(by, 'callback secrets'), sealedSecret, id);
    } catch {
      return undefined;
    }
  };

  it('secrets under the one before open, the leader seals them again, and both sign for callbacks without one', async () => {
    const [hook, own, bare] = [await receiver(), await receiver(), await receiver()];
    const { id, secret } = await endpoint(hook, { events: ['job.canceled'] });
    const given = `whsec_${randomBytes(24).toString('base64')}`;
    const jobId = newId('job');
    const sealedCallbackSecret = seal(deriveKey(replaced, 'callback secrets'), given, jobId);
    const options = { tenant: { name: 'default', weight: 1 }, sealedCallbackSecret };
    await installation.create(jobId, { callback: { url: own.url } }, options);
    await installation.store.cancel(jobId);
    await canceled({ callback: { url: bare.url } });
    await startWorker(replacing);
    await arrived(hook, 2);
    await arrived(own, 1);
    await arrived(bare, 1);
    expect(verify(secret, hook.calls[0] as ReceivedCall)).toMatchObject({ type: 'job.canceled' });
    expect(verify(given, own.calls[0] as ReceivedCall)).toMatchObject({ type: 'job.canceled' });
    const installations = webhookSecrets({ ...replacing, webhookSecret: undefined });
    expect(installations).toHaveLength(2);
    for (const each of installations) {
      expect(verify(each.reveal(), bare.calls[0] as ReceivedCall)).toMatchObject({ type: 'job.canceled' });
    }
    const record = async () => (await endpoints.get('default', id)) as EndpointRecord;
    await expect.poll(async () => opens(current, await record())).toBe(secret);
    expect(opens(replaced, await record())).toBeUndefined();
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
      .poll(async () => (await of(id)).map(({ messageId }) => messageId))
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
    await deliveries.create([lost]);
    await startWorker();
    await arrived(hook, 1);
    expect(hook.calls.map((call) => call.id)).toEqual([lost.messageId]);
  });

  it('loses none that it was about to send, or has sent without anybody knowing', async () => {
    const hook = await receiver();
    const { id } = await endpoint(hook);
    const lost = testMessage(id, hook.url);
    await deliveries.create([lost]);
    await deliveries.claim(1);
    const begun = await deliveries.begin(lost.id, { token: 'dead', leaseMs: 500, maxInFlight: 1 });
    expect(begun.outcome).toBe('begun');
    await startWorker();
    await arrived(hook, 1);
    await expect.poll(async () => (await of(id))[0]?.state).toBe('delivered');
    expect(hook.calls[0]).toMatchObject({ id: lost.messageId, body: lost.body });
  });

  it('loses no event that it has read, and makes nothing twice of one that it had made deliveries of', async () => {
    const hook = await receiver();
    const { id } = await endpoint(hook, { events: ['job.canceled'] });
    const { redis, keys } = installation;
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
    expect(await of(id)).toHaveLength(2);
  });
});
