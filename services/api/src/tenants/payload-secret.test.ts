import { randomUUID } from 'node:crypto';
import { Secret } from '@slipway/shared/config';
import { formatSignature, payloadHmac } from '@slipway/shared/signing';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';
import { teamsOf } from '../testing/teams.js';

let fleet: FleetOfOne;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
});
afterAll(() => fleet.stop());
beforeEach(() => fleet.renew());
const { say, team, code } = teamsOf(() => fleet);

describe('a payload secret', () => {
  const build = (secret: string, signal: AbortSignal) => {
    const config = JSON.stringify({ image: `r.example/team/${randomUUID()}:1` });
    const body = archive([
      { path: 'com.openfaas.docker.config', text: config },
      { path: 'context/Dockerfile', text: 'FROM scratch\n' },
    ]);
    const hmac = payloadHmac(new Secret(secret));
    hmac.update(body);
    const headers = {
      'content-type': 'application/octet-stream',
      'x-build-signature': formatSignature(hmac),
    };
    return fetch(`${fleet.api.url}/build`, { method: 'POST', body, headers, signal });
  };

  it('signs for its tenant at once, until it is removed', async () => {
    const { name, token } = await team();
    const path = `/v1/tenants/${name}/payload-secrets`;
    const { status, headers, body } = await say('POST', path);
    expect([status, headers.get('cache-control')]).toEqual([201, 'no-store']);
    expect(headers.get('location')).toBe(`${path}/${body.id}`);
    const leave = new AbortController();
    const going = build(body.secret, leave.signal).catch(() => undefined);
    await expect.poll(async () => (await say('GET', '/v1/jobs', undefined, token)).body.jobs.length).toBe(1);
    leave.abort();
    await going;
    const listed = await say('GET', path);
    expect(listed.body.payload_secrets).toMatchObject([{ id: body.id, tenant: name, managed_by: 'api' }]);
    expect(JSON.stringify(listed.body)).not.toContain(body.secret);
    const other = await team();
    expect(await code(say('DELETE', `/v1/tenants/${other.name}/payload-secrets/${body.id}`))).toEqual([
      404,
      'not_found',
    ]);
    expect((await say('DELETE', `${path}/${body.id}`)).status).toBe(204);
    const refused = await build(body.secret, new AbortController().signal);
    expect([refused.status, refused.headers.get('x-slipway-job')]).toEqual([401, null]);
  });

  it('needs an existing tenant', async () => {
    expect(await code(say('POST', '/v1/tenants/missing/payload-secrets'))).toEqual([404, 'not_found']);
  });
});
