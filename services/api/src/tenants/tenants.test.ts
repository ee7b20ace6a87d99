import { randomUUID } from 'node:crypto';
import { JobStore } from '@slipway/control-plane/jobs';
import { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { Secret } from '@slipway/shared/config';
import { redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { addTenants } from '../testing/add-tenants.js';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';
import { type RunningApi, startApi } from '../testing/start-api.js';
import { teamSettings as settings, teamsOf } from '../testing/teams.js';

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

it('a tenant sees the waiting registries that it may push to', async () => {
  const keys = redisKeys(fleet.api.prefix);
  const store = new JobStore({ redis: fleet.redis, keys });
  const why = { code: 'push_failed', detail: '', spent: false, delayMs: 0 } as const;
  for (const registry of ['r.example', 'other.example']) {
    for (const name of ['a', 'b', 'c']) {
      const { id } = (await fleet.submit({ image: `${registry}/team/${name}:1` })) as { id: string };
      await store.start(id, { token: id, worker: 'w', replica: 'http://b', takesSuspects: true });
      const sign = { outcome: 'fault', host: registry } as const;
      expect(await store.requeue(id, id, { ...why, registry: sign })).toBe(true);
    }
  }
  const { token } = await team({}, ['jobs:read']);
  const seen = async (asked?: string) => (await say('GET', '/v1/queue', undefined, asked)).body.registries;
  expect(await seen(token)).toEqual([
    {
      ...{ registry: 'r.example', waiting: 0, faults: 3, since: expect.any(String) },
      circuit: expect.stringMatching(/^(open|probing)$/),
    },
  ]);
  const all = (await seen()) as { registry: string }[];
  expect(all.map(({ registry }) => registry).sort()).toEqual(['other.example', 'r.example']);
});

describe('the pools of a tenant', () => {
  it('are the only pools that its jobs use, in every kind of request, and that it sees', async () => {
    const replicas = new ReplicaRegistry({ redis: fleet.redis, keys: redisKeys(fleet.api.prefix) });
    await replicas.announce(
      ['default', 'theirs', 'ours'].map((pool) => ({ url: `http://${pool}`, max: 1, pool, platforms: [] })),
    );
    const { name, token } = await team({ pools: ['ours'] });
    const source = { digest: await fleet.upload(undefined, token) };
    const image = 'r.example/team/app:1';
    const post = (path: string, body: object) => say('POST', path, body, token);
    const made = await post('/v1/jobs', { image, source });
    expect([made.status, made.body.pool]).toEqual([202, 'ours']);
    for (const pool of ['theirs', 'default']) {
      const job = { image, source, pool };
      const refused = await post('/v1/jobs', job);
      expect([refused.status, refused.body.code]).toEqual([422, 'pool_not_found']);
      expect(refused.body.detail).not.toMatch(/default \(|theirs \(/);
      const batches = [{ items: [job] }, { defaults: job, items: [{}] }, { items: [job], dry_run: true }];
      for (const batch of batches) {
        expect(await code(post('/v1/batches', batch))).toEqual([422, 'batch_invalid']);
      }
      await say('PUT', '/v1/functions/fn/app', job, token);
      const rebuild = { select: { functions: ['fn/app'] } };
      expect(await code(post('/v1/rebuilds', rebuild))).toEqual([422, 'batch_invalid']);
    }
    for (const path of ['/v1/queue', '/v1/stats']) {
      const { body } = await say('GET', path, undefined, token);
      expect(body.pools.map((pool: { name: string }) => pool.name)).toEqual(['ours']);
    }
    // Earlier permissions no longer count.
    expect((await post(`/v1/jobs/${made.body.id}/cancel`, {})).status).toBe(200);
    await say('PUT', `/v1/tenants/${name}`, { ...settings, pools: ['theirs'] });
    expect((await post(`/v1/jobs/${made.body.id}/retry`, {})).body.pool).toBe('theirs');
  });
});

it('a removed tenant leaves no subscriber for a later tenant of the same name', async () => {
  const scopes = ['webhooks:write', 'tokens:admin'];
  const { name, token } = await team({}, scopes);
  const hook = { url: 'http://127.0.0.1:1/left' };
  expect((await say('POST', '/v1/webhooks', hook, token)).status).toBe(201);
  const path = `/v1/tenants/${name}`;
  expect((await say('DELETE', path)).status).toBe(204);
  expect(await fleet.redis.zcard(redisKeys(fleet.api.prefix).webhooks(name))).toBe(0);
  expect((await say('PUT', path, settings)).status).toBe(201);
  const later = await say('POST', '/v1/tokens', { tenant: name, description: 'CI', scopes });
  expect((await say('GET', '/v1/webhooks', undefined, later.body.token)).body).toEqual({ webhooks: [] });
});

describe('a streamed answer', () => {
  const newToken = async (tenant: string, scopes = ['jobs:read']) =>
    (await say('POST', '/v1/tokens', { tenant, description: 'CI', scopes })).body;
  const follow = async (api: RunningApi, path: string, token: string) => {
    const answer = await fetch(api.url + path, { headers: { authorization: `Bearer ${token}` } });
    expect([path, answer.status]).toEqual([path, 200]);
    return answer;
  };

  it('ends when its token is revoked, expires or loses its tenant, and only then', async () => {
    const warnings: string[] = [];
    const onWarning = ({ name: kind, message }: Error) => warnings.push(`${kind}: ${message}`);
    process.on('warning', onWarning);
    onTestFinished(() => void process.off('warning', onWarning));
    const { name, token } = await team();
    const job = await fleet.submit({ image: 'r.example/team/app:1' }, token);
    const item = { image: 'r.example/team/b:1', source: { digest: await fleet.upload(undefined, token) } };
    const batch = (await say('POST', '/v1/batches', { items: [item] }, token)).body;
    const paths = ['/v1/events', `/v1/batches/${batch.id}/events`, `/v1/jobs/${job.id}/logs?follow=1`];
    const openAll = (api: RunningApi, text: string) =>
      Promise.all(paths.map((path) => follow(api, path, text)));
    const endOf = async (answers: Promise<Response[]>) =>
      await Promise.all((await answers).map((answer) => answer.text()));
    const [revoked, kept] = [await newToken(name), await newToken(name)];
    const brief = { name, token: `brief-${name}`, expiresAt: Date.now() + 6_000 };
    const { prefix } = fleet.api;
    const installation = {
      redisUrl: inject('redisUrl'),
      redisPrefix: prefix,
      payloadSecret: new Secret('x'),
    };
    await addTenants(installation, [{ ...brief, scopes: ['jobs:read'], settings }]);
    const expiring = endOf(openAll(fleet.api, brief.token));
    const here = openAll(fleet.api, revoked.token);
    const there = openAll(second, revoked.token);
    const others = await openAll(second, kept.token);
    await Promise.all([here, there]);
    expect((await say('DELETE', `/v1/tokens/${revoked.id}`)).status).toBe(204);
    await Promise.all([endOf(here), endOf(there), expiring]);
    const [events] = others;
    const reader = events?.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toContain('event: ready');
    await fleet.submit({ image: 'r.example/team/c:1' }, token);
    expect((await reader?.read())?.value).toContain('r.example/team/c:1');
    reader?.releaseLock();
    expect((await say('DELETE', `/v1/tenants/${name}`)).status).toBe(204);
    await endOf(Promise.resolve(others.slice(1)));
    expect(warnings).toEqual([]);
  });
});

describe('tenants', () => {
  it('are created, changed, shown and removed with the scope admin', async () => {
    const name = `team-${randomUUID()}`;
    const path = `/v1/tenants/${name}`;
    expect(await code(say('GET', path))).toEqual([404, 'not_found']);
    const made = await say('PUT', path, { ...settings, limits: { running_jobs: 2 } });
    expect([made.status, made.headers.get('location')]).toEqual([201, path]);
    expect(made.body).toMatchObject({
      ...{ name, weight: 1, highest_priority: 'high', limits: { running_jobs: 2 }, managed_by: 'api' },
      usage: {
        ...{ queued_jobs: 0, running_jobs: 0, source_bytes: 0 },
        ...{ stored_bytes: 0, max_stored_bytes: 1024 * 1024 * 1024 },
      },
    });
    const changed = await say('PUT', path, { ...settings, weight: 3 });
    expect([changed.status, changed.body.weight, changed.body.limits]).toEqual([200, 3, {}]);
    expect((await say('GET', path)).body).toEqual(changed.body);
    expect((await say('DELETE', path)).status).toBe(204);
    expect(await code(say('DELETE', path))).toEqual([404, 'not_found']);
    expect(await code(say('PUT', path, { images: ['https://r.example/'] }))).toEqual([
      422,
      'request_invalid',
    ]);
  });

  it('are refused without it', async () => {
    const { name, token } = await team();
    for (const [method, path, body] of [
      ['GET', '/v1/tenants'],
      ['GET', `/v1/tenants/${name}`],
      ['PUT', `/v1/tenants/${name}`, settings],
      ['DELETE', `/v1/tenants/${name}`],
      ['POST', `/v1/tenants/${name}/payload-secrets`],
      ['GET', `/v1/tenants/${name}/payload-secrets`],
    ] as const) {
      expect(await code(say(method, path, body, token))).toEqual([403, 'forbidden']);
    }
  });

  it('are listed page by page, with the default one, which stays', async () => {
    await team();
    const names: string[] = [];
    let cursor = '';
    do {
      const { body } = await say('GET', `/v1/tenants?limit=50${cursor}`);
      names.push(...body.tenants.map(({ name }: { name: string }) => name));
      cursor = body.next_cursor === undefined ? '' : `&cursor=${body.next_cursor}`;
    } while (cursor !== '');
    expect(names).toEqual([...new Set(names)].sort());
    expect(names).toEqual(expect.arrayContaining(['default', 'tenant-0', 'tenant-199']));
    expect(await code(say('DELETE', '/v1/tenants/default'))).toEqual([409, 'tenant_permanent']);
  });

  it('lose their tokens and payload secrets when they are removed, and keep their jobs', async () => {
    const { name, token } = await team();
    const job = await fleet.submit({ image: 'r.example/team/app:1' }, token);
    await say('POST', `/v1/tenants/${name}/payload-secrets`);
    expect((await say('DELETE', `/v1/tenants/${name}`)).status).toBe(204);
    expect(await code(say('GET', '/v1/me', undefined, token))).toEqual([401, 'unauthorized']);
    await fleet.succeed(job.id);
    // A new tenant of the same name is a different one.
    expect((await say('PUT', `/v1/tenants/${name}`, settings)).status).toBe(201);
    expect(await code(say('GET', '/v1/me', undefined, token))).toEqual([401, 'unauthorized']);
    expect((await say('GET', `/v1/tokens?tenant=${name}`)).body.tokens).toEqual([]);
    expect((await say('GET', `/v1/tenants/${name}/payload-secrets`)).body.payload_secrets).toEqual([]);
  });

  it('see their own account', async () => {
    const { name, id, token } = await team({ limits: { queued_jobs: 5 } });
    await fleet.submit({ image: 'r.example/team/app:1' }, token);
    const { status, body } = await say('GET', '/v1/me', undefined, token);
    expect(status).toBe(200);
    expect(body.tenant).toMatchObject({ name, limits: { queued_jobs: 5 }, usage: { queued_jobs: 1 } });
    expect(body.token).toEqual({ id, description: 'CI', scopes: ['jobs:write', 'tokens:admin'] });
    expect((await say('GET', '/v1/me')).body).toMatchObject({
      tenant: { name: 'default' },
      token: { id: 'API_TOKEN', scopes: ['admin'] },
    });
  });
});

describe('the limits of a tenant', () => {
  const refused = [403, 'image_not_allowed'];

  it('restrict pushes of jobs, batches, functions, rebuilds and retries', async () => {
    const { name, token } = await team();
    const source = { digest: await fleet.upload(undefined, token) };
    const elsewhere = { image: 'r.example/teams/app:1', source };
    const own = { image: 'r.example/team/app:1', source };
    expect(await code(say('POST', '/v1/jobs', elsewhere, token))).toEqual(refused);
    const batch = await say('POST', '/v1/batches', { items: [own, elsewhere] }, token);
    expect([batch.status, batch.body.errors]).toMatchObject([422, [{ path: '/items/1/image' }]]);
    expect(await code(say('PUT', '/v1/functions/dev/app', elsewhere, token))).toEqual(refused);
    const job = await fleet.submit({ ...own, function: 'dev/app' }, token);
    await fleet.fail(job.id);
    const kept = await say('POST', '/v1/batches', { items: [own] }, token);
    expect(kept.status).toBe(202);
    const { body: jobs } = await say('GET', `/v1/batches/${kept.body.id}/jobs`, undefined, token);
    await fleet.fail(jobs.jobs[0].id);
    const rebuild = { select: { namespace: 'dev' }, image: '{registry}/teams/{name}:1' };
    expect(await code(say('POST', '/v1/rebuilds', rebuild, token))).toEqual([422, 'batch_invalid']);
    expect((await say('POST', '/v1/rebuilds', { select: { namespace: 'dev' } }, token)).status).toBe(202);

    await say('PUT', `/v1/tenants/${name}`, { images: ['r.example/moved/'] });
    expect(await code(say('POST', `/v1/jobs/${job.id}/retry`, undefined, token))).toEqual(refused);
    const again = await say('POST', `/v1/batches/${kept.body.id}/retry`, {}, token);
    expect([again.status, again.body.errors]).toMatchObject([422, [{ path: '/items/0/image' }]]);
    expect((await say('POST', '/v1/jobs', { ...elsewhere, push: false }, token)).status).toBe(202);
  });

  it('require a callback secret of its own, never the key of the installation', async () => {
    const { token } = await team();
    const callback = { url: 'https://ci.example/hook' };
    const job = { image: 'r.example/team/app:1', source: { digest: await fleet.upload(undefined, token) } };
    const post = async (path: string, body: object, who?: string) => {
      const answer = await say('POST', path, body, who);
      return [answer.status, answer.body.code, answer.body.errors?.[0].path];
    };
    const missing = [422, 'callback_secret_missing', '/callback/secret'];
    expect(await post('/v1/jobs', { ...job, callback }, token)).toEqual(missing);
    expect(await post('/v1/batches', { items: [job], callback }, token)).toEqual(missing);
    const inItem = await post('/v1/batches', { items: [{ ...job, callback }] }, token);
    expect(inItem).toEqual([422, 'batch_invalid', '/items/0/callback/secret']);
    const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    expect((await post('/v1/jobs', { ...job, callback: { ...callback, secret } }, token))[0]).toBe(202);
    const ours = { ...job, source: { digest: await fleet.upload(undefined, 'token') } };
    expect((await post('/v1/jobs', { ...ours, callback }, 'token'))[0]).toBe(202);
  });

  it('restrict the class of its jobs', async () => {
    const { token } = await team({ highest_priority: 'low' });
    const spec = { image: 'r.example/team/app:1', source: { digest: await fleet.upload(undefined, token) } };
    expect(await code(say('POST', '/v1/jobs', { ...spec, priority: 'normal' }, token))).toEqual([
      403,
      'priority_not_allowed',
    ]);
    // A job that names no class gets the highest allowed one.
    const { status, body } = await say('POST', '/v1/jobs', spec, token);
    expect([status, body.priority]).toEqual([202, 'low']);
    const batch = await say('POST', '/v1/batches', { items: [spec] }, token);
    expect([batch.status, batch.body.detail]).toEqual([202, undefined]);
  });

  it('restrict the number of waiting jobs', async () => {
    const { token } = await team({ limits: { queued_jobs: 2 } });
    const spec = (at: number, source: object) => ({ image: `r.example/team/app-${at}:1`, source });
    const source = { digest: await fleet.upload(undefined, token) };
    const full = [429, 'tenant_queue_full'];
    const items = [0, 1, 2].map((at) => spec(at, source));
    expect(await code(say('POST', '/v1/batches', { items }, token))).toEqual(full);
    for (const item of items.slice(0, 2))
      expect((await say('POST', '/v1/jobs', item, token)).status).toBe(202);
    const third = await say('POST', '/v1/jobs', items[2], token);
    expect([third.status, third.body.code, third.headers.get('retry-after')]).toEqual([...full, '30']);
  });
});
