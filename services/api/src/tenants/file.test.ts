import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PayloadSecretStore, TenantStore, TokenStore, tokenHash } from '@slipway/control-plane/tenants';
import { EndpointStore } from '@slipway/control-plane/webhooks';
import { ConfigError } from '@slipway/shared/config';
import { Cleanups, runComponents } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type RunningApi, startApi } from '../testing/start-api.js';
import { applyFile } from './apply-file.js';
import { readTenantsFile } from './file.js';
import { TenantsFileWatcher } from './watch-file.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
let folder: string;
let path: string;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-tenants-'));
  path = join(folder, 'tenants.yaml');
});
afterEach(() => rmSync(folder, { recursive: true }));

const say = (tenants: unknown, to = path) => writeFileSync(to, JSON.stringify({ tenants }));
const tenant = (name: string, changes: object = {}) => ({ name, images: [`r.example/${name}/`], ...changes });
const token = (text: string, scopes: readonly string[] = ['jobs:read']) => ({
  ...{ description: text, sha256: tokenHash(text), scopes },
});

describe('the tenants file', () => {
  it('is YAML or JSON, and names secrets by files beside it', async () => {
    writeFileSync(join(folder, 'secret'), 'hush\n');
    writeFileSync(
      path,
      `# who builds here
tenants:
  - name: team-a
    weight: 2
    images: [registry.example.com/team-a/]
    limits: {running_jobs: 4}
    tokens:
      - {description: CI, sha256: ${tokenHash('x')}, scopes: [jobs:write], expires_at: 2030-01-01T00:00:00Z}
    payload_secret_files: [secret]
`,
    );
    const { tenants, fingerprint } = await readTenantsFile(path);
    expect(tenants).toMatchObject([
      {
        name: 'team-a',
        settings: { weight: 2, highest_priority: 'high', limits: { running_jobs: 4 } },
        tokens: [{ hash: tokenHash('x'), scopes: ['jobs:write'], expiresAt: Date.parse('2030-01-01') }],
      },
    ]);
    expect(tenants[0]?.payloadSecrets.map((secret) => secret.reveal())).toEqual(['hush']);
    expect(JSON.stringify(tenants)).not.toContain('hush');
    writeFileSync(join(folder, 'secret'), 'new\n');
    expect((await readTenantsFile(path)).fingerprint).not.toBe(fingerprint);
  });

  it.each<[string, string | unknown[], RegExp]>([
    ['broken YAML', 'tenants: [', /at line 1/],
    ['nothing', '', /it: .*expected object/],
    ['an unknown field', [tenant('a', { colour: 'red' })], /\/tenants\/0\/colour: is not a known field/],
    ['a bad limit', [tenant('a', { limits: { running_jobs: 0 } })], /\/tenants\/0\/limits\/running_jobs: /],
    [
      'a bad place',
      [{ name: 'a', images: ['https://r.example'] }],
      /\/tenants\/0\/images\/0: ".*" must be a registry/,
    ],
    ['a tenant twice', [tenant('a'), tenant('a')], /\/tenants: must not name a tenant twice/],
    [
      'a token twice',
      [tenant('a', { tokens: [token('x')] }), tenant('b', { tokens: [token('x')] })],
      /\/tenants\/1\/tokens\/0\/sha256: is the same as that of another token/,
    ],
    [
      'too many errors',
      [tenant('a', { tokens: [token('x', ['admin'])] })],
      /\/tenants\/0\/tokens\/0\/scopes: admin/,
    ],
    [
      'a secret that is missing',
      [tenant('a', { payload_secret_files: ['gone'] })],
      /\/tenants\/0\/payload_secret_files\/0: gone cannot be read: ENOENT/,
    ],
  ])('is refused with %s, by name', async (_what, content, says) => {
    if (typeof content === 'string') writeFileSync(path, content);
    else say(content);
    const refused = readTenantsFile(path);
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(says);
    await expect(refused).rejects.toThrow(path);
  });

  it('is refused with secrets that are empty, or that two tenants have', async () => {
    writeFileSync(join(folder, 'one'), 'same');
    writeFileSync(join(folder, 'two'), 'same\n');
    say([tenant('a', { payload_secret_files: ['one'] }), tenant('b', { payload_secret_files: ['two'] })]);
    await expect(readTenantsFile(path)).rejects.toThrow(
      /\/tenants\/1\/payload_secret_files\/0: two holds the same secret/,
    );
    writeFileSync(join(folder, 'one'), ' \n');
    await expect(readTenantsFile(path)).rejects.toThrow(/one is empty/);
  });
});

describe('the content of the file', () => {
  function stores() {
    const keys = redisKeys(`tenants-test-${randomUUID()}`);
    const options = { redis, keys };
    return {
      ...options,
      tenants: new TenantStore(options),
      tokens: new TokenStore(options),
      payloadSecrets: new PayloadSecretStore({ ...options, sealingKey: Buffer.alloc(32, 1) }),
      webhooks: new EndpointStore({ ...options, sealingKey: Buffer.alloc(32, 1) }),
    };
  }
  const apply = async (to: ReturnType<typeof stores>) =>
    await applyFile((await readTenantsFile(path)).tenants, to, new AbortController().signal);

  it('is stored once for all processes, and removed when it leaves the file', async () => {
    const to = stores();
    writeFileSync(join(folder, 'secret'), 'hush');
    say([
      tenant('a', { tokens: [token('one'), token('two')], payload_secret_files: ['secret'] }),
      tenant('b', { tokens: [token('three')] }),
      tenant('default', { tokens: [token('four', ['admin'])] }),
    ]);
    const both = await Promise.all([apply(to), apply(to)]);
    expect(both).toEqual(
      expect.arrayContaining([
        { written: 8, removed: 0 },
        { written: 0, removed: 0 },
      ]),
    );
    expect(await to.tenants.get('a')).toMatchObject({
      managedBy: 'file',
      settings: { images: ['r.example/a/'] },
    });
    expect(await to.tokens.find('one')).toMatchObject({ tenant: 'a', managedBy: 'file' });

    const kept = await to.tokens.create({
      tenant: 'a',
      description: '',
      scopes: ['jobs:read'],
      expiresAt: undefined,
    });
    const gone = await to.tokens.create({
      tenant: 'b',
      description: '',
      scopes: ['jobs:read'],
      expiresAt: undefined,
    });
    await to.tenants.put('c', { ...(await readTenantsFile(path)).tenants[0]?.settings, images: [] } as never);
    say([tenant('a', { tokens: [token('two', ['jobs:write'])] })]);
    expect(await apply(to)).toEqual({ written: 1, removed: 5 });
    expect(await to.tokens.find('one')).toBeUndefined();
    expect(await to.tokens.find('two')).toMatchObject({ scopes: ['jobs:write'] });
    expect(await to.tokens.find('four')).toBeUndefined();
    expect(await to.payloadSecrets.list()).toEqual([]);
    expect(await to.tokens.find(kept.text)).toBeDefined();
    expect(await to.tenants.get('b')).toBeUndefined();
    expect(await to.tokens.find(gone.text)).toBeUndefined();
    expect(await to.tenants.get('c')).toMatchObject({ managedBy: 'api' });
    expect(await to.tenants.get('default')).toMatchObject({ managedBy: 'api', settings: { images: ['*'] } });
  });

  it('is followed through every way to change a file, unless it is invalid', async () => {
    const to = stores();
    // As in Kubernetes: the file is a link into a folder that is a link, which is swapped.
    mkdirSync(join(folder, 'first'));
    say([tenant('a')], join(folder, 'first', 'tenants.yaml'));
    symlinkSync('first', join(folder, 'data'));
    symlinkSync('data/tenants.yaml', path);
    const reasons: string[] = [];
    const listening = Object.create(logger, {
      error: { value: ({ reason }: { reason: string }) => reasons.push(reason) },
    });
    const watcher = await TenantsFileWatcher.open({
      ...{ path, logger: listening, everyMs: 10 },
      apply: (tenants, signal) => applyFile(tenants, to, signal),
    });
    const stop = new AbortController();
    const running = runComponents([watcher], stop.signal);
    const names = async () => (await to.tenants.list({ limit: 10 })).map(({ name }) => name);
    try {
      await expect.poll(names).toEqual(['a']);
      mkdirSync(join(folder, 'second'));
      say([tenant('a'), tenant('b')], join(folder, 'second', 'tenants.yaml'));
      symlinkSync('second', join(folder, 'data.new'));
      renameSync(join(folder, 'data.new'), join(folder, 'data'));
      await expect.poll(names).toEqual(['a', 'b']);
      const { updatedAt } = (await to.tenants.get('a')) ?? {};
      say([tenant('c'), tenant('C')], join(folder, 'bad'));
      renameSync(join(folder, 'bad'), path);
      await expect.poll(() => reasons).toEqual([expect.stringMatching(/\/tenants\/1\/name: ".*" must be/)]);
      say([tenant('a'), tenant('d')]);
      await expect.poll(names).toEqual(['a', 'd']);
      expect((await to.tenants.get('a'))?.updatedAt).toBe(updatedAt);
      say([tenant('d')]);
      await expect.poll(names).toEqual(['d']);
    } finally {
      stop.abort();
      await running;
    }
  });
});

describe('an API with a tenants file', () => {
  let api: RunningApi | undefined;
  afterEach(() => api?.stop());

  it('does not start with a bad one', async () => {
    say([tenant('a', { images: 'r.example' })]);
    await expect(startApi(inject('redisUrl'), { tenantsFile: path }, { tenants: [] })).rejects.toThrow(
      `the tenants file ${path} (TENANTS_FILE) cannot be used:\n  /tenants/0/images: `,
    );
  });

  it('accepts its tokens, and refuses changes of its tenants over the API', async () => {
    writeFileSync(join(folder, 'secret'), 'hush');
    say([tenant('a', { tokens: [token('mine')], payload_secret_files: ['secret'] })]);
    const started = await startApi(inject('redisUrl'), { tenantsFile: path }, { tenants: [] });
    api = started;
    const as = (text: string) => ({ headers: { authorization: `Bearer ${text}` } });
    await expect.poll(async () => (await started.call('/v1/me', as('mine'))).status).toBe(200);
    const me = (await (await started.call('/v1/me', as('mine'))).json()) as { token: { id: string } };
    const { payload_secrets: secrets } = (await (
      await started.call('/v1/tenants/a/payload-secrets')
    ).json()) as { payload_secrets: { id: string }[] };
    for (const [method, at] of [
      ['PUT', '/v1/tenants/a'],
      ['DELETE', '/v1/tenants/a'],
      ['DELETE', `/v1/tokens/${me.token.id}`],
      ['DELETE', `/v1/tenants/a/payload-secrets/${secrets[0]?.id}`],
    ] as const) {
      const answer = await started.call(at, {
        method,
        ...(method === 'PUT' && { headers: { 'content-type': 'application/json' }, body: '{"images": []}' }),
      });
      expect([answer.status, await answer.json()]).toMatchObject([409, { code: 'tenant_managed' }]);
    }
    say([]);
    await expect.poll(async () => (await started.call('/v1/me', as('mine'))).status).toBe(401);
  });
});
