import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let api: RunningApi;
let redis: ReturnType<typeof connectRedis>;
beforeAll(async () => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
  const scopes = ['jobs:write', 'webhooks:write', 'templates:write', 'tokens:admin'] as const;
  const tenants = [{ name: 'other', token: 'other-token', scopes }];
  api = await startApi(inject('redisUrl'), { maxQueuedJobs: 1_000 }, { tenants });
});
afterAll(async () => {
  await api.stop();
  await cleanups.run(logger);
});

type Keys = ReturnType<typeof redisKeys>;
interface Made {
  readonly id: string;
}
const made = async (response: Response) => (await response.json()) as Made;
const code = async (response: Response) => [
  response.status,
  ((await response.json()) as { code?: string }).code,
];
const asOther = (init: RequestInit = {}) => ({
  ...init,
  headers: { ...init.headers, authorization: 'Bearer other-token' },
});
const json = (method: string, body: object): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
const source = { files: { Dockerfile: 'FROM scratch\n' } };
let names = 0;
const newName = () => `unreadable-${++names}`;

interface Kind {
  /** Creates a record over the API as the default tenant, and returns its id. */
  readonly make: () => Promise<string>;
  readonly key: (keys: Keys, id: string) => string;
  readonly path: (id: string) => string;
  /** A field whose damage makes the record unreadable. */
  readonly field: string;
  /** Requests by id other than GET. */
  readonly others?: readonly (readonly [suffix: string, init: RequestInit])[];
  /** True if the key alone determines the tenant that may read it. */
  readonly namesTenant?: boolean;
  /** True if an operator may read it for any tenant. */
  readonly ofOperator?: boolean;
}

const webhook = { url: 'https://ci.example/', events: ['job.failed'] };
const kinds: Record<string, Kind> = {
  job: {
    make: async () => (await made(await api.post('/v1/jobs', { image: 'r.example/x:1', source }))).id,
    key: (keys, id) => keys.job(id),
    path: (id) => `/v1/jobs/${id}`,
    field: 'spec',
    others: [
      ['/logs', {}],
      ['/cancel', { method: 'POST' }],
      ['/retry', { method: 'POST' }],
    ],
  },
  batch: {
    make: async () =>
      (await made(await api.post('/v1/batches', { items: [{ image: 'r.example/x:1', source }] }))).id,
    key: (keys, id) => keys.batch(id),
    path: (id) => `/v1/batches/${id}`,
    field: 'total',
    others: [
      ['/jobs', {}],
      ['/events', {}],
      ['/cancel', { method: 'POST' }],
      ['/retry', json('POST', {})],
    ],
  },
  webhook: {
    make: async () => (await made(await api.post('/v1/webhooks', webhook))).id,
    key: (keys, id) => keys.webhook(id),
    path: (id) => `/v1/webhooks/${id}`,
    field: 'max_in_flight',
    others: [
      ['', json('PATCH', { description: 'x' })],
      ['/rotate', json('POST', {})],
      ['/test', { method: 'POST' }],
    ],
  },
  delivery: {
    make: async () => {
      const { id } = await made(await api.post('/v1/webhooks', webhook));
      return (await made(await api.call(`/v1/webhooks/${id}/test`, { method: 'POST' }))).id;
    },
    key: (keys, id) => keys.delivery(id),
    path: (id) => `/v1/deliveries/${id}`,
    field: 'sequence',
    others: [['/redeliver', { method: 'POST' }]],
  },
  function: {
    make: async () => {
      const name = newName();
      await api.post('/v1/jobs', { image: `r.example/${name}:1`, function: `openfaas/${name}`, source });
      return name;
    },
    key: (keys, id) => keys.functionRecord('default', `openfaas/${id}`),
    path: (id) => `/v1/functions/openfaas/${id}`,
    field: 'updated_at',
    namesTenant: true,
  },
  template: {
    make: async () => {
      const name = newName();
      const body = archive([
        { path: 'Dockerfile', text: 'FROM scratch\n' },
        { path: 'template.yml', text: 'handler_folder: src\n' },
      ]);
      const headers = { 'content-type': 'application/x-tar' };
      await api.call(`/v1/templates/${name}`, { method: 'PUT', headers, body });
      return name;
    },
    key: (keys, id) => keys.template('default', id),
    path: (id) => `/v1/templates/${id}`,
    field: 'version',
    namesTenant: true,
  },
  tenant: {
    make: async () => {
      const name = newName();
      await api.call(`/v1/tenants/${name}`, json('PUT', { images: ['*'] }));
      return name;
    },
    key: (keys, id) => keys.tenant(id),
    path: (id) => `/v1/tenants/${id}`,
    field: 'updated_at',
    ofOperator: true,
  },
  token: {
    make: async () =>
      (await made(await api.post('/v1/tokens', { description: 'x', scopes: ['jobs:read'] }))).id,
    key: (keys, id) => keys.token(id),
    path: (id) => `/v1/tokens/${id}`,
    field: 'created_at',
    ofOperator: true,
  },
};

const damages: Record<string, (key: string, field: string) => Promise<unknown>> = {
  'a field is damaged': (key, field) => redis.hset(key, field, '{"'),
  'a field is missing': (key, field) => redis.hdel(key, field),
  'a newer version wrote it': (key) => redis.hset(key, 'schema', '2000'),
  'its key holds a text': (key) => redis.set(key, 'text'),
};
const cases = Object.entries(kinds).flatMap(([kind, parts]) =>
  Object.entries(damages).map(([how, damage]) => ({ kind, how, damage, ...parts })),
);

describe('a record that cannot be read', () => {
  it.each(cases)('is answered with a code: $kind, $how', async ({ how, namesTenant, ...one }) => {
    const id = await one.make();
    const key = one.key(redisKeys(api.prefix), id);
    expect(await redis.exists(key)).toBe(1);
    await one.damage(key, one.field);
    const answers = [await code(await api.call(one.path(id)))];
    for (const [suffix, init] of one.others ?? []) {
      answers.push(await code(await api.call(one.path(id) + suffix, init)));
    }
    // A key of another type has no tenant.
    const isUnknown = how === 'its key holds a text' && !namesTenant && !one.ofOperator;
    const expected = isUnknown ? [404, 'not_found'] : [500, 'record_unreadable'];
    for (const answer of answers) expect(answer).toEqual(expected);
  });

  it.each(cases.filter(({ kind }) => kind !== 'tenant'))(
    'is unknown to another tenant: $kind, $how',
    async (one) => {
      const [id, unknown] = [await one.make(), await one.make()];
      const keys = redisKeys(api.prefix);
      await redis.del(one.key(keys, unknown));
      await one.damage(one.key(keys, id), one.field);
      for (const [suffix, init] of [['', {}] as const, ...(one.others ?? [])]) {
        const ask = async (which: string) => {
          const answer = await api.call(one.path(which) + suffix, asOther(init));
          const { request_id: _, ...body } = (await answer.json()) as Record<string, unknown>;
          return JSON.stringify([answer.status, body]).replaceAll(which, '<id>');
        };
        expect(await ask(id)).toBe(await ask(unknown));
        expect(await ask(id)).toMatch(/^\[404,/);
      }
    },
  );
});
