import { randomBytes } from 'node:crypto';
import { Secret } from '@slipway/shared/config';
import { endpointRequestSchema, jobSpecSchema, tenantSettingsSchema } from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { deriveKeys } from '@slipway/shared/signing';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { FunctionStore } from '../functions/index.js';
import { BatchStore, JobStore } from '../jobs/index.js';
import { TemplateStore } from '../templates/index.js';
import { PayloadSecretStore, TenantStore, TokenStore } from '../tenants/index.js';
import { DeliveryStore, EndpointStore } from '../webhooks/index.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const tenant = { name: 'default', weight: 1 };
const digest = `sha256:${'0'.repeat(64)}`;

async function setUp() {
  const cleanups = new Cleanups();
  onTestFinished(() => cleanups.run(logger));
  const url = inject('redisUrl');
  const redis = connectRedis({ url, name: 'test', logger, cleanups, mode: 'request' });
  const keys = redisKeys(`records-${randomBytes(6).toString('hex')}`);
  const met: string[] = [];
  const faults = { note: ({ kind, id }: { kind: string; id: string }) => void met.push(`${kind} ${id}`) };
  const secrets = { payloadSecret: new Secret('a payload secret'), previousPayloadSecrets: [] };
  const sealingKey = deriveKeys(secrets, 'test');
  const common = { redis, keys, faults };
  return { redis, keys, met, common, sealingKey };
}

/** The ways to make a hash unreadable. */
const damages = {
  'the field %s holds no JSON': (field: string) => [field, '{"image":'],
  'the field %s holds another shape': (field: string) => [field, '["a"]'],
  'its schema version is newer': () => ['schema', '99'],
} as const;

const spec = (name: string) =>
  jobSpecSchema.parse({ image: `r.example/${name}:1`, source: { digest }, function: `openfaas/${name}` });

type World = Awaited<ReturnType<typeof setUp>>;
interface Kind {
  readonly field: string;
  /** Writes one record, and returns its id and key. */
  readonly make: (world: World, name: string) => Promise<{ id: string; key: string }>;
  /** Returns the ids in the list. */
  readonly list: (world: World) => Promise<string[]>;
  /** Returns one record by its id. */
  readonly get?: (world: World, id: string) => Promise<unknown>;
}

const kinds: Record<string, Kind> = {
  job: {
    field: 'spec',
    async make({ common, keys }, name) {
      const id = newId('job');
      await new JobStore(common).create(id, spec(name), { tenant });
      return { id, key: keys.job(id) };
    },
    list: async ({ common }) =>
      (await new JobStore(common).list({ tenant: 'default', limit: 50 })).records.map(({ id }) => id),
    get: ({ common }, id) => new JobStore(common).get(id),
  },
  batch: {
    field: 'labels',
    async make({ common, keys }) {
      const id = newId('batch');
      const batches = new BatchStore(common);
      await batches.open(id, { tenant, total: 1, options: { on_failure: 'continue', labels: {} } });
      await batches.commit(id);
      return { id, key: keys.batch(id) };
    },
    list: async ({ common }) =>
      (await new BatchStore(common).list({ tenant: 'default', limit: 50 })).records.map(({ id }) => id),
    get: ({ common }, id) => new BatchStore(common).get(id),
  },
  function: {
    field: 'spec',
    async make({ common, keys }, name) {
      await new FunctionStore(common).put('default', `openfaas/${name}`, spec(name));
      return { id: `openfaas/${name}`, key: keys.functionRecord('default', `openfaas/${name}`) };
    },
    async list({ common }) {
      const names: string[] = [];
      for await (const { records } of new FunctionStore(common).walk('default')) {
        names.push(...records.map(({ name }) => name));
      }
      return names;
    },
    get: ({ common }, id) => new FunctionStore(common).get('default', id),
  },
  template: {
    field: 'build_options',
    async make({ common, keys }, name) {
      const settings = { handler_folder: '', build_options: [] };
      await new TemplateStore(common).put({ tenant: 'default', name, digest, settings });
      return { id: name, key: keys.template('default', name) };
    },
    list: async ({ common }) =>
      (await new TemplateStore(common).list('default', { limit: 50 })).map(({ name }) => name),
    get: ({ common }, id) => new TemplateStore(common).get('default', id),
  },
  webhook: {
    field: 'labels',
    async make({ common, keys, sealingKey }) {
      const request = endpointRequestSchema.parse({ url: 'https://ci.example/', events: ['job.failed'] });
      const { endpoint } = await new EndpointStore({ ...common, sealingKey }).create('default', request);
      return { id: endpoint.id, key: keys.webhook(endpoint.id) };
    },
    list: async ({ common, sealingKey }) =>
      (await new EndpointStore({ ...common, sealingKey }).active()).map(({ id }) => id),
    get: ({ common, sealingKey }, id) => new EndpointStore({ ...common, sealingKey }).get('default', id),
  },
  delivery: {
    field: 'format',
    async make({ common, keys }, name) {
      const id = `dlv_${name.padEnd(32, '0')}`;
      const delivery = { id, messageId: 'msg_1', tenant: 'default', lane: 'callback:1', sequence: 1 };
      const content = { url: 'https://ci.example/', type: 'job.failed', body: '{}' } as const;
      await new DeliveryStore(common).create([{ ...delivery, ...content, format: { type: 'standard' } }]);
      return { id, key: keys.delivery(id) };
    },
    list: async ({ common }) =>
      (await new DeliveryStore(common).list({ tenant: 'default', limit: 50 })).records.map(({ id }) => id),
    get: ({ common }, id) => new DeliveryStore(common).get('default', id),
  },
  tenant: {
    field: 'settings',
    async make({ common, keys }, name) {
      await new TenantStore(common).put(name, tenantSettingsSchema.parse({ images: ['*'] }));
      return { id: name, key: keys.tenant(name) };
    },
    list: async ({ common }) => (await new TenantStore(common).list({ limit: 50 })).map(({ name }) => name),
    get: ({ common }, id) => new TenantStore(common).get(id),
  },
  token: {
    field: 'created_at',
    async make({ common, keys }) {
      const token = {
        tenant: 'default',
        description: '',
        scopes: ['jobs:read'],
        expiresAt: undefined,
      } as const;
      const { record } = await new TokenStore(common).create(token);
      return { id: record.id, key: keys.token(record.id) };
    },
    list: async ({ common }) =>
      (await new TokenStore(common).list('default', { limit: 50 })).map(({ id }) => id),
    get: ({ common }, id) => new TokenStore(common).get(id),
  },
};

describe.each(Object.entries(kinds))('an unreadable %s', (kind, { field, make, list, get }) => {
  it.each(Object.entries(damages))('is skipped and reported when %s', async (_how, damage) => {
    const world = await setUp();
    const [one, broken, two] = [await make(world, 'a'), await make(world, 'b'), await make(world, 'c')];
    await world.redis.hset(broken.key, ...damage(field));
    expect((await list(world)).toSorted()).toEqual([one.id, two.id].toSorted());
    expect(world.met).toContain(`${kind} ${broken.id}`);
    await expect(get?.(world, broken.id)).rejects.toMatchObject({ code: 'record_unreadable' });
  });

  it('is skipped when its key holds another type', async () => {
    const world = await setUp();
    const [one, broken] = [await make(world, 'a'), await make(world, 'b')];
    await world.redis.set(broken.key, 'no hash');
    expect(await list(world)).toEqual([one.id]);
    expect(world.met).toContain(`${kind} ${broken.id}`);
  });
});

describe('a page of a list', () => {
  it('is short only at the end, even with unreadable records', async () => {
    const world = await setUp();
    const { common, redis } = world;
    const { make } = kinds.template as Kind;
    const made = [];
    for (const name of ['a', 'b', 'c', 'd']) made.push(await make(world, name));
    for (const { key } of made.slice(0, 2)) await redis.hset(key, 'build_options', '{');
    const page = await new TemplateStore(common).list('default', { limit: 2 });
    expect(page.map(({ name }) => name)).toEqual(['c', 'd']);
  });
});

describe('an unreadable payload secret', () => {
  it.each(['{"tenant":', '[]', '{"tenant":"default"}', '{"schema":99,"tenant":"default"}'])(
    'is skipped, and can be removed: %s',
    async (text) => {
      const { redis, keys, common, met, sealingKey } = await setUp();
      const store = new PayloadSecretStore({ ...common, sealingKey });
      const { id } = await store.create('default');
      await redis.hset(keys.payloadSecrets, 'pay_broken', text);
      expect((await store.list()).map((record) => record.id)).toEqual([id]);
      expect(met).toEqual(['payload_secret pay_broken']);
      await expect(store.reseal()).resolves.toBeDefined();
      expect(await store.remove('default', 'pay_broken')).toBe(true);
      expect(await redis.hkeys(keys.payloadSecrets)).toEqual([id]);
    },
  );
});

describe('a record', () => {
  it('names its schema version', async () => {
    const world = await setUp();
    for (const [kind, { make }] of Object.entries(kinds)) {
      const { key } = await make(world, 'a');
      expect([kind, await world.redis.hget(key, 'schema')]).toEqual([kind, '1']);
    }
  });
});
