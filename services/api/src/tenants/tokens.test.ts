import { randomUUID } from 'node:crypto';
import { Secret } from '@slipway/shared/config';
import { redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { addTenants } from '../testing/add-tenants.js';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';
import { type RunningApi, startApi } from '../testing/start-api.js';
import { teamsOf } from '../testing/teams.js';

const admin = 'token';
let fleet: FleetOfOne;
/** Another process of the same installation. */
let second: RunningApi;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
  second = await startApi(inject('redisUrl'), { redisPrefix: fleet.api.prefix }, { tenants: [] });
});
afterAll(async () => {
  await second.stop();
  await fleet.stop();
});
beforeEach(() => fleet.renew());
const { say, team, code } = teamsOf(() => fleet);

describe('tokens', () => {
  it('are shown once, with their expiry and last use', async () => {
    const { name, token } = await team();
    const request = { description: 'reads', scopes: ['jobs:read', 'jobs:read'], expires_in_days: 90 };
    const { status, headers, body } = await say('POST', '/v1/tokens', request, token);
    expect([status, headers.get('location')]).toEqual([201, `/v1/tokens/${body.id}`]);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toMatchObject({
      tenant: name,
      description: 'reads',
      scopes: ['jobs:read'],
      managed_by: 'api',
    });
    expect(Date.parse(body.expires_at) - Date.parse(body.created_at)).toBeGreaterThan(89 * 24 * 3600 * 1000);
    expect((await say('GET', '/v1/jobs', undefined, body.token)).status).toBe(200);
    await expect
      .poll(async () => (await say('GET', `/v1/tokens/${body.id}`, undefined, token)).body.last_used_at)
      .toBeDefined();
    const all = JSON.stringify((await say('GET', '/v1/tokens', undefined, token)).body);
    expect(all).toContain(body.id);
    expect(all).not.toContain(body.token);
  });

  it('allow only operations of their scopes', async () => {
    const { token } = await team({}, ['jobs:read']);
    expect((await say('GET', '/v1/jobs', undefined, token)).status).toBe(200);
    expect(await code(say('POST', '/v1/jobs', {}, token))).toEqual([403, 'forbidden']);
    expect(await code(say('GET', '/v1/tokens', undefined, token))).toEqual([403, 'forbidden']);
  });

  it('grant scopes that they have, in their own tenant', async () => {
    const { name, token } = await team({}, ['tokens:admin', 'jobs:write']);
    const other = await team();
    const grant = (scopes: readonly string[], tenant: string | undefined, by: string) =>
      code(say('POST', '/v1/tokens', { description: 'x', scopes, ...(tenant && { tenant }) }, by));
    expect(await grant(['jobs:read', 'tokens:admin'], name, token)).toEqual([201, undefined]);
    const forbidden = [403, 'forbidden'];
    expect(await grant(['templates:write'], undefined, token)).toEqual(forbidden);
    expect(await grant(['jobs:write', 'admin'], undefined, token)).toEqual(forbidden);
    expect(await grant(['jobs:read'], other.name, token)).toEqual(forbidden);
    expect(await grant(['jobs:read'], 'missing', token)).toEqual(forbidden);
    // Even a token with every scope may not grant that to another tenant.
    expect(await grant(['admin'], name, admin)).toEqual(forbidden);
    expect(await grant(['admin'], undefined, admin)).toEqual([201, undefined]);
    expect(await grant(['jobs:read'], 'missing', admin)).toEqual([422, 'tenant_not_found']);
    expect(await grant(['jobs:all'], name, token)).toEqual([422, 'request_invalid']);
  });

  it('of other tenants do not exist for the caller', async () => {
    const { token } = await team();
    const other = await team();
    for (const method of ['GET', 'DELETE']) {
      expect(await code(say(method, `/v1/tokens/${other.id}`, undefined, token))).toEqual([404, 'not_found']);
    }
    expect(await code(say('GET', `/v1/tokens?tenant=${other.name}`, undefined, token))).toEqual([
      403,
      'forbidden',
    ]);
    expect((await say('GET', `/v1/tokens?tenant=${other.name}`)).body.tokens).toMatchObject([
      { id: other.id },
    ]);
    expect((await say('DELETE', `/v1/tokens/${other.id}`)).status).toBe(204);
  });

  it('are limited in number', async () => {
    const { token } = await team();
    const request = { description: 'x', scopes: ['jobs:read'] };
    const made = await Promise.all(
      Array.from({ length: 105 }, () => say('POST', '/v1/tokens', request, token)),
    );
    // The team has one already.
    expect(made.filter(({ status }) => status === 201)).toHaveLength(99);
    expect(made.find(({ status }) => status !== 201)?.body.code).toBe('token_limit');
    const page = await say('GET', '/v1/tokens?limit=60', undefined, token);
    const rest = await say('GET', `/v1/tokens?limit=60&cursor=${page.body.next_cursor}`, undefined, token);
    expect(page.body.tokens).toHaveLength(60);
    expect(rest.body.tokens).toHaveLength(40);
    expect(rest.body.next_cursor).toBeUndefined();
  });

  it('stop working once they have expired', async () => {
    const name = `team-${randomUUID()}`;
    const at = {
      redisUrl: inject('redisUrl'),
      redisPrefix: fleet.api.prefix,
      payloadSecret: new Secret('payload'),
    };
    await addTenants(at, [{ name, token: `old-${name}`, expiresAt: Date.now() - 60_000 }]);
    expect(await code(say('GET', '/v1/me', undefined, `old-${name}`))).toEqual([401, 'unauthorized']);
  });

  it('stop working at once when they are revoked, in every process', async () => {
    const { id, token } = await team();
    const elsewhere = async () =>
      (await second.call('/v1/me', { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await elsewhere()).toBe(200);
    expect((await say('DELETE', `/v1/tokens/${id}`)).status).toBe(204);
    expect(await code(say('GET', '/v1/me', undefined, token))).toEqual([401, 'unauthorized']);
    await expect.poll(elsewhere).toBe(401);
    expect(await code(say('DELETE', `/v1/tokens/${id}`))).toEqual([404, 'not_found']);
  });

  it('stop working soon when a process misses the message', async () => {
    const { id, token } = await team();
    const status = async () => (await say('GET', '/v1/me', undefined, token)).status;
    expect(await status()).toBe(200);
    // The state after a lost message.
    await fleet.redis.del(redisKeys(fleet.api.prefix).token(id));
    await expect.poll(status, { interval: 200 }).toBe(401);
  });
});
