import { randomBytes, randomUUID } from 'node:crypto';
import { DeliveryStore, type NewDelivery, type Verdict } from '@slipway/control-plane/webhooks';
import { deliverySchema, endpointSchema, webhookMessageSchema } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
/** Sends a delivery, as a worker does. */
let worker: DeliveryStore;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'), { publicUrl: 'https://slipway.example/x' });
  const { redis, api } = fleet;
  const keys = redisKeys(api.prefix);
  worker = new DeliveryStore({ redis, keys });
});
afterAll(() => fleet.stop());
beforeEach(() => fleet.renew());

const url = 'https://ci.example/hook';
const someDelivery = `dlv_${'0'.repeat(32)}`;
const tenantOf = (token: string) => token.replace('token', 'tenant');

const endpoint = async (changes: object = {}): Promise<string> => {
  const { status, body } = await fleet.say('POST', '/v1/webhooks', { url, ...changes });
  expect(status).toBe(201);
  return body.id;
};
const problem = async (method: string, path: string, body?: unknown, token = fleet.mine) => {
  const answer = await fleet.say(method, path, body, token);
  const errors = (answer.body?.errors as { path: string }[] | undefined)?.map((error) => error.path);
  return [answer.status, answer.body?.code, ...(errors ? [errors] : [])];
};
const get = async (path: string) => {
  const { status, body } = await fleet.say('GET', path);
  expect([status, body.detail]).toEqual([200, undefined]);
  return body;
};
const ids = async (path: string) => (await get(path)).deliveries.map(({ id }: { id: string }) => id);

/** Creates a delivery as a worker does for an event: to an endpoint, or of a callback. */
const made = async (endpointId: string | undefined, changes: Partial<NewDelivery> = {}): Promise<string> => {
  const unique = randomBytes(16).toString('hex');
  const delivery: NewDelivery = {
    id: `dlv_${unique}`,
    messageId: `msg_${unique}`,
    tenant: tenantOf(fleet.mine),
    lane: endpointId === undefined ? `callback:${unique.slice(16)}` : `endpoint:${endpointId}`,
    endpointId,
    url,
    type: 'job.succeeded',
    sequence: 3,
    format: { type: 'standard' },
    body: '{"type":"job.succeeded"}',
    ...changes,
  };
  await worker.create([delivery]);
  return delivery.id;
};
const attempt = async (id: string, verdict: Verdict, answered: object = { status: 500, response: 'no' }) => {
  const token = randomUUID();
  const begun = await worker.begin(id, { token, leaseMs: 30_000, maxInFlight: 10 });
  expect(begun.outcome).toBe('begun');
  const options = { attempt: { at: Date.now(), durationMs: 12, ...answered }, verdict };
  expect((await worker.end(id, token, options)).stale).toBe(false);
};
/** Expects that a delivery is due, and claims it. */
const claimed = async (id: string) => expect((await worker.claim(1_000)).ids).toContain(id);
const exhausted = { kind: 'failed', reason: 'exhausted' } as const;
const delivered = { kind: 'delivered' } as const;
const again = { kind: 'retry', at: 0 } as const;

describe('a test of an endpoint', () => {
  it('is a delivery of its own, which is due at once', async () => {
    const id = await endpoint();
    const { status, headers, body } = await fleet.say('POST', `/v1/webhooks/${id}/test`);
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/v1/deliveries/${body.id}`);
    expect(deliverySchema.parse(body)).toEqual(body);
    expect(body).toMatchObject({ state: 'pending', webhook: id, url, type: 'webhook.test', attempts: [] });
    expect(webhookMessageSchema.parse(JSON.parse(body.request))).toMatchObject({
      type: 'webhook.test',
      data: { url: `https://slipway.example/x/v1/webhooks/${id}`, webhook: { id, url } },
    });
    expect(await get(`/v1/deliveries/${body.id}`)).toEqual(body);
    await claimed(body.id);
    const second = (await fleet.say('POST', `/v1/webhooks/${id}/test`)).body;
    expect(second.message_id).not.toBe(body.message_id);
  });

  it('is refused while the endpoint is disabled', async () => {
    const id = await endpoint({ enabled: false });
    expect(await problem('POST', `/v1/webhooks/${id}/test`)).toEqual([409, 'webhook_disabled']);
    await fleet.say('PATCH', `/v1/webhooks/${id}`, { enabled: true });
    expect((await fleet.say('POST', `/v1/webhooks/${id}/test`)).status).toBe(202);
  });
});

describe('the log of deliveries', () => {
  it('lists them newest first, by state and by page, without bodies', async () => {
    const id = await endpoint();
    const all: string[] = [];
    for (let at = 0; at < 5; at++) all.unshift(await made(id));
    await made(await endpoint());
    await attempt(all[1] as string, exhausted);
    await attempt(all[3] as string, delivered, { status: 200, response: 'thanks' });
    const path = `/v1/webhooks/${id}/deliveries`;
    const { deliveries, next_cursor } = await get(`${path}?limit=3`);
    const rest = await get(`${path}?limit=3&cursor=${next_cursor}`);
    const paged = [...deliveries, ...rest.deliveries].map((each: { id: string }) => each.id);
    // Deliveries of one millisecond have no order.
    expect(paged.toSorted()).toEqual(all.toSorted());
    expect(rest.next_cursor).toBeUndefined();
    const [failed] = (await get(`${path}?state=failed`)).deliveries;
    expect(failed).toMatchObject({ id: all[1], state: 'failed', reason: 'exhausted', webhook: id });
    expect(failed.attempts).toEqual([{ number: 1, at: expect.any(String), duration_ms: 12, status: 500 }]);
    expect(failed).not.toHaveProperty('request');
    expect(await ids(`${path}?state=delivered`)).toEqual([all[3]]);
    expect((await ids(`${path}?state=pending`)).length).toBe(3);
    const whole = await get(`/v1/deliveries/${all[3]}`);
    expect(whole).toMatchObject({ request: '{"type":"job.succeeded"}', attempts: [{ response: 'thanks' }] });
    expect(deliverySchema.parse(whole)).toEqual(whole);
  });

  it('finds those about a job or batch, callbacks included, and no others', async () => {
    const job = `job_${'1'.repeat(26)}`;
    const batch = `batch_${'2'.repeat(26)}`;
    const id = await endpoint();
    const toEndpoint = await made(id, { job, batch });
    const callback = await made(undefined, { job, sealedSecret: 'sealed-text', sealedFor: job });
    const ofBatch = await made(undefined, { batch, type: 'batch.finished' });
    const others = await made(undefined, { job, tenant: tenantOf(fleet.other) });
    expect((await ids(`/v1/deliveries?job=${job}`)).toSorted()).toEqual([toEndpoint, callback].toSorted());
    expect((await ids(`/v1/deliveries?batch=${batch}`)).toSorted()).toEqual([toEndpoint, ofBatch].toSorted());
    expect(await ids(`/v1/deliveries?job=${job}&batch=${batch}`)).toEqual([toEndpoint]);
    expect((await ids('/v1/deliveries?state=pending')).length).toBe(3);
    expect(JSON.stringify(await get(`/v1/deliveries/${callback}`))).not.toContain('sealed');
    expect(await problem('GET', `/v1/deliveries/${others}`)).toEqual([404, 'not_found']);
    expect(await problem('POST', `/v1/deliveries/${others}/redeliver`)).toEqual([404, 'not_found']);
  });

  it('refuses invalid queries', async () => {
    const id = await endpoint();
    for (const query of [
      'state=lost',
      'limit=201',
      'cursor=x',
      `cursor=1-${someDelivery}`,
      `cursor=${someDelivery}`,
      'job=job_1',
      'batch=x',
      'page=2',
    ]) {
      const name = query.slice(0, query.indexOf('='));
      const refused = [422, 'request_invalid', [`/${name}`]];
      expect(await problem('GET', `/v1/deliveries?${query}`), query).toEqual(refused);
      if (['job', 'batch'].includes(name)) continue;
      expect(await problem('GET', `/v1/webhooks/${id}/deliveries?${query}`), query).toEqual(refused);
    }
    expect(await problem('GET', '/v1/deliveries/dlv_1')).toEqual([422, 'request_invalid', ['/id']]);
    expect(await problem('GET', `/v1/deliveries/${someDelivery}`)).toEqual([404, 'not_found']);
    expect(await ids(`/v1/deliveries?cursor=1.${someDelivery}`)).toEqual([]);
  });

  it('outlives its endpoint, whose waiting deliveries are canceled', async () => {
    const id = await endpoint();
    const [old, waiting] = [await made(id), await made(id)];
    await attempt(old, delivered);
    expect((await fleet.say('DELETE', `/v1/webhooks/${id}`)).status).toBe(204);
    await worker.wakeLanes();
    expect(await get(`/v1/deliveries/${waiting}`)).toMatchObject({
      state: 'canceled',
      reason: 'webhook_deleted',
      webhook: id,
    });
    expect((await ids('/v1/deliveries')).toSorted()).toEqual([old, waiting].toSorted());
    expect(await problem('GET', `/v1/webhooks/${id}/deliveries`)).toEqual([404, 'not_found']);
    expect(await problem('POST', `/v1/deliveries/${old}/redeliver`)).toEqual([409, 'webhook_deleted']);
  });
});

describe('a message', () => {
  it('is sent again as a new delivery, and the old one stays', async () => {
    const id = await endpoint();
    const first = await made(id);
    await attempt(first, delivered, { status: 204 });
    const before = await get(`/v1/deliveries/${first}`);
    const { status, headers, body } = await fleet.say('POST', `/v1/deliveries/${first}/redeliver`);
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/v1/deliveries/${body.id}`);
    const { message_id, request, type } = before;
    expect(body).toMatchObject({ message_id, request, type, state: 'pending', redelivery_of: first });
    expect(body.id).not.toBe(first);
    await claimed(body.id);
    expect(await get(`/v1/deliveries/${first}`)).toEqual(before);
    await fleet.say('PATCH', `/v1/webhooks/${id}`, { enabled: false });
    expect(await problem('POST', `/v1/deliveries/${first}/redeliver`)).toEqual([409, 'webhook_disabled']);
  });

  it('of a callback is sent again, too', async () => {
    const first = await made(undefined, { job: `job_${'3'.repeat(26)}` });
    await attempt(first, exhausted);
    const { status, body } = await fleet.say('POST', `/v1/deliveries/${first}/redeliver`);
    expect([status, body.redelivery_of]).toEqual([202, first]);
    expect(body).not.toHaveProperty('webhook');
  });

  it('missed since a time is recovered, once', async () => {
    const id = await endpoint();
    const since = new Date().toISOString();
    const [lost, arrived] = [await made(id), await made(id)];
    await attempt(lost, exhausted);
    await attempt(arrived, delivered);
    const recover = async (from: string) => {
      const { status, body } = await fleet.say('POST', `/v1/webhooks/${id}/recover`, { since: from });
      expect(status).toBe(202);
      return body;
    };
    expect(await recover(new Date(Date.now() + 30_000).toISOString())).toEqual({ recovered: 0 });
    // The same moment in a time zone far to the east.
    const eastern = new Date(Date.parse(since) + 9 * 3_600_000).toISOString().replace('Z', '+09:00');
    expect(await recover(eastern)).toEqual({ recovered: 1 });
    expect(await recover(since)).toEqual({ recovered: 0 });
    const [waiting] = (await get(`/v1/webhooks/${id}/deliveries?state=pending`)).deliveries;
    expect(waiting).toMatchObject({ redelivery_of: lost });
    await claimed(waiting.id);
  });

  it('is not recovered with an invalid time, or for a disabled endpoint', async () => {
    const id = await endpoint();
    const path = `/v1/webhooks/${id}/recover`;
    const future = new Date(Date.now() + 3_600_000).toISOString();
    for (const since of ['yesterday', '2026-13-01T00:00:00Z', '2026-05-17', '', 5, future]) {
      const refused = [422, 'request_invalid', ['/since']];
      expect(await problem('POST', path, { since }), String(since)).toEqual(refused);
    }
    expect(await problem('POST', path, {})).toEqual([422, 'request_invalid', ['/since']]);
    await fleet.say('PATCH', `/v1/webhooks/${id}`, { enabled: false });
    const since = '2026-05-17T09:00:00Z';
    expect(await problem('POST', path, { since })).toEqual([409, 'webhook_disabled']);
  });
});

describe('the status of an endpoint', () => {
  it('shows the time of the first failure, pauses, and the reason for disabling', async () => {
    const id = await endpoint();
    const path = `/v1/webhooks/${id}`;
    const delivery = await made(id);
    for (let at = 0; at < 9; at++) await attempt(delivery, again);
    const failing = await get(path);
    expect(failing.failing_since).toEqual(expect.any(String));
    expect(failing).not.toHaveProperty('circuit_open_until');
    await attempt(delivery, again);
    expect(Date.parse((await get(path)).circuit_open_until)).toBeGreaterThan(Date.now());
    const { webhooks } = await get('/v1/webhooks');
    expect(webhooks[0].circuit_open_until).toEqual(expect.any(String));
    await fleet.say('PATCH', path, { enabled: true });
    expect(await get(path)).not.toHaveProperty('failing_since');

    const token = randomUUID();
    const last = await made(id);
    await worker.begin(last, { token, leaseMs: 30_000, maxInFlight: 10 });
    await worker.end(last, token, {
      attempt: { at: Date.now(), durationMs: 1, status: 410 },
      verdict: { kind: 'failed', reason: 'gone' },
      disable: 'gone',
    });
    const off = await get(path);
    expect(off).toMatchObject({ enabled: false, disabled: { reason: 'gone' } });
    expect(endpointSchema.parse(off)).toEqual(off);
    const { body } = await fleet.say('PATCH', path, { enabled: true });
    expect(body.enabled).toBe(true);
    expect(body).not.toHaveProperty('disabled');
  });
});
