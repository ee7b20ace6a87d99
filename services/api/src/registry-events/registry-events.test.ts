import { hash } from 'node:crypto';
import { BaseWatch } from '@slipway/control-plane/functions';
import { Registry } from '@slipway/shared/metrics';
import { type Keys, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';
import { RegistryEvents } from './endpoint.js';
import { acr, distribution, dockerHub, github, harbor } from './testing/events.js';

const token = 'a-token-of-registries-with-43-characters-xx';
const other = 'b-token-of-registries-with-43-characters-xx';
const logged: string[] = [];

let fleet: FleetOfOne;
let keys: Keys;
let watch: BaseWatch;
let dueAt: (image: string) => Promise<number>;
beforeAll(async () => {
  const registryEventsTokens = [token, other].map((each) => hash('sha256', each, 'buffer'));
  fleet = await startFleetOfOne(inject('redisUrl'), { registryEventsTokens, logLevel: 'debug' }, logged);
  keys = redisKeys(fleet.api.prefix);
  watch = new BaseWatch({ redis: fleet.redis, keys, pauseMs: 0 });
  dueAt = async (image) => Number(await fleet.redis.zscore(keys.basesDue, image));
});
afterAll(() => fleet.stop());

const images = [
  'docker.io/library/node:22',
  'ghcr.io/octo/base:1',
  'harbor.example/tools/base:1',
  'team.azurecr.io/tools/base:1',
  'registry.example:5000/tools/base:1',
] as const;

/** Leaves all images checked just now, and due in an hour. */
beforeEach(async () => {
  await watch.watch(new Set());
  await watch.watch(new Set(images));
  for (const taken of await watch.take(10)) await watch.record(taken, { state: {}, nextMs: 3_600_000 });
});

interface SendOptions {
  readonly by?: string;
  readonly type?: string;
}

async function send(body: unknown, { by = token, type = 'application/json' }: SendOptions = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { 'content-type': type };
  const answer = await fetch(`${fleet.api.url}/v1/registry-events/${by}`, {
    method: 'POST',
    headers,
    body: text,
  });
  return { status: answer.status, body: JSON.parse(await answer.text()) };
}
const soon = 60_000;

describe('a push event of a registry', () => {
  it.each([
    ['Docker Hub', images[0], dockerHub('library/node', '22'), 'application/json'],
    ['GitHub', images[1], github('Octo', 'base', '1'), 'application/json'],
    ['Harbor', images[2], harbor('harbor.example/tools/base', '1'), 'application/json'],
    ['Azure', images[3], acr('team.azurecr.io', 'tools/base', '1'), 'application/json; charset=utf-8'],
    [
      'distribution',
      images[4],
      distribution('registry.example:5000', ['tools/base', '1']),
      'application/vnd.docker.distribution.events.v2+json',
    ],
  ])('of %s makes the check of the image due, and no other', async (_sender, image, body, type) => {
    expect(await send(body, { type })).toEqual({ status: 202, body: { pushed: 1, in_use: 1 } });
    const due = await Promise.all(images.map(async (each) => (await dueAt(each)) < Date.now() + soon));
    expect(due).toEqual(images.map((each) => each === image));
  });

  it('starts nothing', async () => {
    await send(dockerHub('library/node', '22'));
    const { body } = await fleet.say('GET', '/v1/jobs');
    expect(body.jobs).toEqual([]);
  });

  it('has no effect for an image that no function uses, or without an image', async () => {
    expect(await send(dockerHub('library/redis', '8'))).toEqual({
      status: 202,
      body: { pushed: 1, in_use: 0 },
    });
    expect(await send({ zen: 'ping' })).toEqual({ status: 202, body: { pushed: 0, in_use: 0 } });
    expect(await send('')).toEqual({ status: 202, body: { pushed: 0, in_use: 0 } });
  });

  it.each([
    ['no JSON', '<x>', 'application/json', 400, 'json_invalid'],
    ['a form', 'payload=%7B%7D', 'application/x-www-form-urlencoded', 415, 'media_type_unsupported'],
    ['too many bytes', JSON.stringify({ x: 'y'.repeat(300_000) }), 'application/json', 413, 'body_too_large'],
    ['too much depth', `${'['.repeat(50)}${']'.repeat(50)}`, 'application/json', 422, 'json_too_complex'],
  ])('with %s is refused', async (_what, body, type, status, code) => {
    expect(await send(body, { type })).toMatchObject({ status, body: { code } });
  });

  it('needs one of the tokens', async () => {
    expect((await send({}, { by: other })).status).toBe(202);
    for (const by of ['x', 'token', `${token}x`, token.slice(1), '%ff', token.toUpperCase()]) {
      expect((await send(dockerHub('library/node', '22'), { by })).status).toBe(401);
    }
    expect(await dueAt(images[0])).toBeGreaterThan(Date.now() + soon);
    const get = await fetch(`${fleet.api.url}/v1/registry-events/${token}`);
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('costs one look in ten seconds in a storm', async () => {
    const looks: string[] = [];
    const events = new RegistryEvents({
      config: { registryEventsTokens: [] },
      watch: {
        mark(references) {
          looks.push(...references);
          return watch.mark(references);
        },
      },
      registry: new Registry(),
    });
    const storm = distribution('storm.example', ['a/b', '1']);
    for (let turn = 0; turn < 2; turn++) {
      const answers = await Promise.all(Array.from({ length: 500 }, () => events.receive(storm)));
      expect(answers).toEqual(Array.from({ length: 500 }, () => ({ pushed: 1, in_use: 0 })));
    }
    expect(looks).toEqual(['storm.example/a/b:1']);
  });

  it('checks an image once in a pause', async () => {
    const { body } = await send(dockerHub('library/node', '22'));
    expect(body).toEqual({ pushed: 1, in_use: 1 });
    const last = Number((await fleet.redis.hget(keys.basesWatched, images[0]))?.split(' ')[0]);
    expect(await dueAt(images[0])).toBeGreaterThanOrEqual(last + 10_000);
  });

  it('leaves its token nowhere', async () => {
    const secret = 'wrong-token-of-registries-with-43-characters';
    const ask = async (path: string, init: RequestInit = {}) =>
      await (await fetch(fleet.api.url + path, init)).text();
    const answers = [
      await ask(`/v1/registry-events/${secret}`, { method: 'POST' }),
      await ask(`/v1/registry-events/${secret}/?x=1`, {
        method: 'DELETE',
        headers: { authorization: 'Bearer token' },
      }),
      await ask(`/v1//registry-events//${secret}`, {
        method: 'POST',
        headers: { authorization: 'Bearer token' },
      }),
      await ask(`/V1/Registry-Events/${secret}/more`, {
        method: 'POST',
        headers: { authorization: 'Bearer token' },
      }),
      await ask(`/registry-events/${token}`, { method: 'POST' }),
      JSON.stringify(await send({})),
    ];
    const { body: audit } = await fleet.say('GET', '/v1/audit?limit=200', undefined, 'token');
    const metrics = await ask('/metrics');
    expect(audit.entries.length).toBeGreaterThan(0);
    expect(metrics).toContain('slipway_registry_pushes_total{in_use="true"}');
    for (const text of [...answers, ...logged, JSON.stringify(audit), metrics]) {
      for (const each of [secret, token, other]) expect(text).not.toContain(each);
    }
    expect(audit.entries.some(({ status }: { status: number }) => status === 202)).toBe(false);
  });
});
