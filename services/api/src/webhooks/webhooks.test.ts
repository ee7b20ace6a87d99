import { randomBytes } from 'node:crypto';
import { endpointSchema } from '@slipway/shared/contracts';
import { parseAllowlist } from '@slipway/shared/egress';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

let fleet: FleetOfOne;
const logged: string[] = [];
beforeAll(async () => {
  const changes = { logLevel: 'trace', egressAllow: parseAllowlist('10.1.0.0/16') } as const;
  fleet = await startFleetOfOne(inject('redisUrl'), changes, logged);
});
afterAll(() => fleet.stop());
beforeEach(() => fleet.renew());

const admin = 'token';
const url = 'https://ci.example/hook';
const unknown = `wh_${'0'.repeat(26)}`;
const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;

const create = async (changes: object = {}, token = fleet.mine) => {
  const { status, headers, body } = await fleet.say('POST', '/v1/webhooks', { url, ...changes }, token);
  expect([status, body.detail]).toEqual([201, undefined]);
  expect(headers.get('location')).toBe(`/v1/webhooks/${body.id}`);
  return body;
};
const problem = async (method: string, path: string, body?: unknown, token = fleet.mine) => {
  const answer = await fleet.say(method, path, body, token);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  const errors = (answer.body.errors as { path: string }[] | undefined)?.map((error) => error.path);
  return [answer.status, answer.body.code, ...(errors ? [errors] : [])];
};
const refusal = (changes: object, token = fleet.mine) =>
  problem('POST', '/v1/webhooks', { url, ...changes }, token);

describe('an endpoint', () => {
  it('is created with the defaults, and shows its secret once', async () => {
    const { secret, ...endpoint } = await create();
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(endpoint).toEqual({
      id: expect.stringMatching(/^wh_[0-9a-z]{26}$/),
      url,
      description: '',
      events: ['job.succeeded', 'job.failed', 'job.canceled', 'batch.finished'],
      labels: {},
      format: { type: 'standard' },
      max_in_flight: 10,
      enabled: true,
      created_at: expect.any(String),
      updated_at: endpoint.created_at,
    });
    expect((await fleet.say('GET', `/v1/webhooks/${endpoint.id}`)).body).toEqual(endpoint);
    expect(endpointSchema.parse(endpoint)).toEqual(endpoint);
  });

  it('accepts a given secret', async () => {
    const secret = newSecret();
    expect((await create({ secret })).secret).toBe(secret);
  });

  it('is listed by page', async () => {
    const ids: string[] = [];
    for (let at = 0; at < 5; at++) ids.push((await create({ description: `${at}` })).id);
    const page = async (query: string) => {
      const { body } = await fleet.say('GET', `/v1/webhooks?${query}`);
      return [body.webhooks.map(({ id }: { id: string }) => id), body.next_cursor];
    };
    const [first, cursor] = await page('limit=3');
    expect(first).toHaveLength(3);
    const [rest, end] = await page(`limit=3&cursor=${cursor}`);
    expect([...first, ...rest].toSorted()).toEqual(ids.toSorted());
    expect(end).toBeUndefined();
    expect(await page('limit=5')).toEqual([[...first, ...rest], undefined]);
  });

  it('is changed in the given fields, and checked as a whole', async () => {
    const { secret: _secret, ...before } = await create({ labels: { team: 'a' } });
    const path = `/v1/webhooks/${before.id}`;
    const changes = { url: 'https://other.example/x?key=1', events: ['job.queued'], max_in_flight: 2 };
    const { status, body } = await fleet.say('PATCH', path, changes);
    expect(status).toBe(200);
    expect(body).toEqual({ ...before, ...changes, updated_at: expect.any(String) });
    expect((await fleet.say('GET', path)).body).toEqual(body);
    const github = { type: 'github_commit_status', token: 'github' };
    expect(await problem('PATCH', path, { format: github })).toEqual([422, 'request_invalid', ['/url']]);
    expect(await problem('PATCH', path, {})).toEqual([422, 'request_invalid', ['']]);
    expect(await problem('PATCH', path, { enabled: true, secret: newSecret() })).toEqual([
      422,
      'request_invalid',
      ['/secret'],
    ]);
    expect(await problem('PATCH', path, { url: 'http://10.0.0.1/' })).toEqual([
      422,
      'egress_denied',
      ['/url'],
    ]);
    expect((await fleet.say('GET', path)).body).toEqual(body);
  });

  it('is gone after its deletion', async () => {
    const { id } = await create();
    expect((await fleet.say('DELETE', `/v1/webhooks/${id}`)).status).toBe(204);
    for (const method of ['GET', 'DELETE']) {
      expect(await problem(method, `/v1/webhooks/${id}`)).toEqual([404, 'not_found']);
    }
    expect((await fleet.say('GET', '/v1/webhooks')).body).toEqual({ webhooks: [] });
  });

  it('is limited to a hundred', async () => {
    const ids: string[] = [];
    for (let at = 0; at < 100; at++) ids.push((await create()).id);
    expect(await refusal({})).toEqual([409, 'webhook_limit']);
    await fleet.say('DELETE', `/v1/webhooks/${ids[0]}`);
    await create();
    await create({}, fleet.other);
  });

  it.each([
    ['no http', { url: 'ftp://x.example/' }, '/url'],
    ['credentials', { url: 'https://me:pw@x.example/' }, '/url'],
    ['a password alone', { url: 'https://:pw@x.example/' }, '/url'],
    ['a fragment', { url: 'https://x.example/#top' }, '/url'],
    [
      'a query for a format that calls an API',
      {
        url: 'https://gitlab.example/?a=b',
        format: { type: 'gitlab_pipeline', token: 't', project: 'a/b', ref: 'main' },
      },
      '/url',
    ],
    ['an unknown event', { events: ['job.exploded'] }, '/events/0'],
    ['no events', { events: [] }, '/events'],
    ['an unknown format', { format: { type: 'slack' } }, '/format/type'],
    ['a secret that is too short', { secret: 'whsec_QUJD' }, '/secret'],
    ['an unknown field', { secrets: [] }, '/secrets'],
    ['zero concurrent requests', { max_in_flight: 0 }, '/max_in_flight'],
  ])('is refused with %s', async (_what, changes, path) => {
    expect(await refusal(changes)).toEqual([422, 'request_invalid', [path]]);
    expect((await fleet.say('GET', '/v1/webhooks')).body).toEqual({ webhooks: [] });
  });

  it.each(['http://127.0.0.1/', 'http://[::1]:8080/', 'http://2130706433/', 'http://[64:ff9b::10.0.0.1]/'])(
    'may not be at %s',
    async (address) => {
      expect(await refusal({ url: address })).toEqual([422, 'egress_denied', ['/url']]);
    },
  );

  it('may be where the operator allows it', async () => {
    await create({ url: 'http://10.1.2.3:8000/hook' });
  });

  it('receives builder events for the installation token alone', async () => {
    const events = ['builder.circuit_opened'];
    expect(await refusal({ events })).toEqual([403, 'forbidden', ['/events']]);
    const { id } = await create();
    expect(await problem('PATCH', `/v1/webhooks/${id}`, { events })).toEqual([403, 'forbidden', ['/events']]);
    const own = await create({ events }, admin);
    expect((await fleet.say('PATCH', `/v1/webhooks/${own.id}`, { description: 'x' }, admin)).status).toBe(
      200,
    );
  });
});

describe('a secret', () => {
  it('is rotated: shown again, made or given, and the previous one stays valid for a day', async () => {
    const { id, secret } = await create();
    const rotate = (body: object) => fleet.say('POST', `/v1/webhooks/${id}/rotate`, body);
    const { status, body } = await rotate({});
    expect(status).toBe(200);
    expect(body.secret).toMatch(/^whsec_/);
    expect(body.secret).not.toBe(secret);
    const ends = Date.parse(body.rotating_until) - Date.now();
    expect(Math.round(ends / 3_600_000)).toBe(24);
    const given = newSecret();
    expect((await rotate({ secret: given })).body.secret).toBe(given);
    expect(await problem('POST', `/v1/webhooks/${id}/rotate`, { secret: 'x' })).toEqual([
      422,
      'request_invalid',
      ['/secret'],
    ]);
  });

  it('is in no other answer, and in no log line', async () => {
    const secrets = [newSecret(), newSecret()] as const;
    const { id } = await create({ secret: secrets[0] });
    await fleet.say('POST', `/v1/webhooks/${id}/rotate`, { secret: secrets[1] });
    const path = `/v1/webhooks/${id}`;
    const answers = [
      await fleet.say('GET', path),
      await fleet.say('GET', '/v1/webhooks'),
      await fleet.say('PATCH', path, { description: 'x' }),
      await fleet.say('POST', `${path}/test`),
      await fleet.say('GET', `${path}/deliveries`),
      await fleet.say('POST', '/v1/webhooks', { url: 'http://127.0.0.1/', secret: secrets[0] }),
      await fleet.say('POST', '/v1/webhooks', { url, secret: `${secrets[0]}!` }),
    ];
    const cut = await fetch(`${fleet.api.url}/v1/webhooks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${fleet.mine}`, 'content-type': 'application/json' },
      body: `{"url": "${url}", "secret": "${secrets[0]}"`,
    });
    expect(cut.status).toBe(400);
    const said = [...answers.map(({ body }) => JSON.stringify(body)), await cut.text(), ...logged].join('\n');
    expect(logged.join()).toContain('listening');
    for (const secret of secrets) expect(said).not.toContain(secret.slice(6, 30));
    expect(said).not.toContain('sealed');
  });
});

describe("another tenant's endpoint", () => {
  it('does not exist', async () => {
    const { id } = await create({}, fleet.other);
    const path = `/v1/webhooks/${id}`;
    const calls = [
      ['GET', path],
      ['PATCH', path, { enabled: false }],
      ['DELETE', path],
      ['POST', `${path}/rotate`, {}],
      ['POST', `${path}/test`],
      ['GET', `${path}/deliveries`],
      ['POST', `${path}/recover`, { since: '2026-01-01T00:00:00Z' }],
    ] as const;
    for (const [method, where, body] of calls) {
      expect(await problem(method, where, body), `${method} ${where}`).toEqual([404, 'not_found']);
      const nobodys = where.replace(id, unknown);
      expect(await problem(method, nobodys, body), nobodys).toEqual([404, 'not_found']);
      const bad = where.replace(id, 'wh_1');
      expect(await problem(method, bad, body), bad).toEqual([422, 'request_invalid', ['/id']]);
    }
    expect((await fleet.say('GET', path, undefined, fleet.other)).body).toMatchObject({ id, enabled: true });
    expect((await fleet.say('GET', `/v1/webhooks?cursor=${id}`)).body).toEqual({ webhooks: [] });
    expect(await problem('GET', '/v1/webhooks?cursor=x')).toEqual([422, 'request_invalid', ['/cursor']]);
  });
});
