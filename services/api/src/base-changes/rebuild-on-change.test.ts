import { CampaignStore } from '@slipway/control-plane/campaigns';
import { BaseWatch } from '@slipway/control-plane/functions';
import type { Campaign } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
});
afterAll(() => fleet.stop());
beforeEach(() => fleet.renew());

const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;
const [old, changed, newer] = [digestOf('1'), digestOf('2'), digestOf('3')];
const node = 'docker.io/library/node:22';

const built = async (name: string, token = fleet.mine) => {
  const { id } = await fleet.submit({ function: name }, token);
  await fleet.succeed(id, [node], [{ reference: node, digest: old }]);
};
const campaigns = async (token = fleet.mine): Promise<Campaign[]> =>
  (await fleet.say('GET', '/v1/campaigns', undefined, token)).body.campaigns;

/** A check of the registry that sees another image than before. */
async function changes(digest: string): Promise<void> {
  const watch = new BaseWatch({ redis: fleet.redis, keys: redisKeys(fleet.api.prefix), pauseMs: 0 });
  await watch.watch(new Set([node]));
  await watch.mark([node]);
  const [taken] = await watch.take(1);
  const at = Date.now();
  const state = { digest, since: at, checkedAt: at, changedAt: at };
  expect(taken && (await watch.record(taken, { state, nextMs: 3_600_000 }))).toBe(true);
}

/** Ends a canceled campaign of two waves as the leading worker does. */
async function end(id: string): Promise<void> {
  const canceled = async () =>
    (await fleet.say('GET', `/v1/campaigns/${id}/functions?state=canceled`)).body.functions.length;
  await expect.poll(canceled).toBe(2);
  const store = new CampaignStore({ redis: fleet.redis, keys: redisKeys(fleet.api.prefix) });
  for (const wave of [1, 2]) {
    await store.recordResults(id, { wave, first: wave - 1, results: [{ state: 'canceled' }] });
    await store.advance(id, wave);
  }
  expect((await fleet.say('GET', `/v1/campaigns/${id}`)).body).toMatchObject({
    finished_at: expect.any(String),
  });
}

const tenantName = async (): Promise<string> => (await fleet.say('GET', '/v1/me')).body.tenant.name;
const put = async (changes: object) =>
  await fleet.api.call(`/v1/tenants/${await tenantName()}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ images: ['*'], base_image_changes: changes }),
  });
const policy = async (changes: object) => expect((await put(changes)).status).toBe(200);

it('starts one campaign for each change of a base image, for tenants that want it', async () => {
  for (const name of ['a', 'b']) await built(name);
  await built('c', fleet.other);
  await policy({ action: 'rebuild', waves: { canary: 1 } });
  await changes(changed);
  await expect.poll(campaigns).toHaveLength(1);
  const [first] = await campaigns();
  expect(first).toMatchObject({
    ...{ total: 2, base_images: [node], max_failures: 0, waves: [{ total: 1 }, { total: 1 }] },
    labels: { rebuild: `base_image:${node}+behind:true` },
  });
  expect(await campaigns(fleet.other)).toEqual([]);
  // An API ended right after it had started the campaign: the next look finds that campaign.
  const entry = async () => await fleet.redis.hget(rebuilt, node);
  const rebuilt = redisKeys(fleet.api.prefix).basesRebuilt(await tenantName());
  await expect.poll(entry).toMatch(new RegExp(`^${changed} \\S+$`));
  await fleet.redis.hset(rebuilt, node, `${await entry()} 1`);
  await expect.poll(entry).not.toMatch(/ 1$/);
  expect(await campaigns()).toHaveLength(1);
  await fleet.say('POST', `/v1/campaigns/${first?.id}/cancel`);
  await end(first?.id ?? '');
  await changes(newer);
  await expect.poll(campaigns).toHaveLength(2);
  await expect.poll(entry).toMatch(new RegExp(`^${newer} \\S+$`));
});

it('notifies alone without that setting, and with the action notify', async () => {
  const others = [fleet.mine, fleet.other];
  for (const token of others) await built('a', token);
  await policy({ action: 'notify' });
  fleet.renew();
  await built('a');
  await policy({ action: 'rebuild' });
  await changes(changed);
  // The look that starts a campaign for this tenant has passed the tenants before.
  await expect.poll(campaigns).toHaveLength(1);
  for (const token of others) expect(await campaigns(token)).toEqual([]);
});

it('refuses a policy that is not one', async () => {
  const answer = await put({ action: 'rebuild', waves: { size: '0%' } });
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([422, 'request_invalid']);
});
