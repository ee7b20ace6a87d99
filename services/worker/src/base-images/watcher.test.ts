import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseEvents } from '@slipway/control-plane/events';
import { BaseWatch, FunctionStore } from '@slipway/control-plane/functions';
import { JobStore } from '@slipway/control-plane/jobs';
import { noRecordFaults } from '@slipway/control-plane/records';
import { TenantStore } from '@slipway/control-plane/tenants';
import { jobSpecSchema, tenantSettingsSchema } from '@slipway/shared/contracts';
import { parseAllowlist } from '@slipway/shared/egress';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { Registry } from '@slipway/shared/metrics';
import { connectRedis, type Redis, redisKeys } from '@slipway/shared/redis';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { RegistryClient } from '../registry/client.js';
import { Reach } from '../registry/reach.js';
import { digestOf, indexOf, manifestOf, startFakeRegistry } from '../testing/fake-registry.js';
import { createWatchMetrics } from './metrics.js';
import { surveyBases } from './survey.js';
import { BaseWatcher } from './watcher.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const cleanups = new Cleanups();
let redis: Redis;
beforeAll(() => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
});
afterAll(() => cleanups.run(logger));

const [amd64, arm64] = ['linux/amd64', 'linux/arm64'];
const never = new AbortController().signal;

/** Returns an installation with a registry, whose base images are checked once an hour, and when they are marked. */
async function installation({ pauseMs = 0 } = {}) {
  const keys = redisKeys(`test-${randomUUID()}`);
  const registry = await startFakeRegistry();
  const folder = mkdtempSync(`${tmpdir()}/slipway-docker-`);
  const reach = new Reach({ allow: parseAllowlist('') });
  onTestFinished(async () => {
    await reach.close();
    rmSync(folder, { recursive: true });
  });
  const insecureRegistries = [registry.host];
  const client = new RegistryClient({
    registries: { insecureRegistries, dockerConfig: folder, helperEnv: {} },
    reach,
  });
  const tenants = new TenantStore({ redis, keys });
  const metrics = new Registry();
  const watch = new BaseWatch({ redis, keys, pauseMs });
  const newWatcher = () =>
    new BaseWatcher({
      survey: () => surveyBases({ redis, keys, tenants, faults: noRecordFaults }),
      metrics: createWatchMetrics(metrics),
      ...{ watch, client, intervalMs: 3_600_000, now: Date.now, logger, random: () => 0.5 },
    });
  const watcher = newWatcher();
  const jobs = new JobStore({ redis, keys });
  const functions = new FunctionStore({ redis, keys });
  const base = (tag: string) => `${registry.host}/tools/base:${tag}`;
  return {
    ...{ keys, registry, tenants, watch, watcher, functions, base, metrics },
    /** Builds a function on a base image that had a digest. */
    async build(name: string, reference: string, digest?: string, tenant = 'default', platforms?: string[]) {
      const id = newId('job');
      const image = `r.example/${tenant}/${name}:1`;
      const source = { digest: `sha256:${'a'.repeat(64)}` };
      const spec = jobSpecSchema.parse({ image, source, function: `openfaas-fn/${name}`, platforms });
      await jobs.create(id, spec, { tenant: { name: tenant, weight: 1 } });
      await jobs.start(id, { token: id, worker: 'w', replica: 'http://b', takesSuspects: true });
      const result = { image, digest: `sha256:${'b'.repeat(64)}`, duration_ms: 5 };
      const bases = [{ reference, ...(digest && { digest }) }];
      await jobs.finish(id, id, { state: 'succeeded', result, baseImages: [reference], bases });
    },
    /** Has the base images checked now. */
    async check(...tags: string[]) {
      await watch.mark(tags.map(base));
      await watcher.run(never);
    },
    async changes() {
      const events = parseEvents(await redis.xrange(keys.events, '-', '+'));
      return events.flatMap((event) => (event.kind === 'base_image' ? [event] : []));
    },
    view: (tenant = 'default') => functions.baseImages(tenant),
  };
}

describe('the watcher', () => {
  it('tells every tenant that uses a base image of its change, once', async () => {
    const { registry, tenants, watcher, base, build, check, changes, view } = await installation();
    await tenants.put('other', tenantSettingsSchema.parse({ images: ['*'] }));
    const old = registry.push('1', manifestOf('old'));
    for (const name of ['a', 'b']) await build(name, base('1'), old);
    await build('c', base('1'), old, 'other');
    await watcher.run(never);
    expect(await changes()).toEqual([]);
    expect(await view()).toMatchObject([{ behind: 0, newest: { digest: old }, watched: { digest: old } }]);
    const now = registry.push('1', manifestOf('now'));
    await check('1');
    await check('1');
    const common = { reference: base('1'), digest: now, previous: old };
    expect(await changes()).toMatchObject([
      { ...common, tenant: 'default', functions: 2, behind: 2 },
      { ...common, tenant: 'other', functions: 1, behind: 1 },
    ]);
    expect(await view()).toMatchObject([
      { behind: 2, newest: { digest: now }, watched: { changedAt: expect.any(Number) } },
    ]);
    await build('a', base('1'), now);
    expect(await view()).toMatchObject([{ behind: 1, newest: { digest: now } }]);
  });

  it('tells a change from the digests of builds at the first check', async () => {
    const { registry, watcher, base, build, changes } = await installation();
    await build('a', base('1'), digestOf('old'));
    await build('b', base('2'));
    registry.push('1', manifestOf('now'));
    registry.push('2', manifestOf('now'));
    await watcher.run(never);
    expect(await changes()).toMatchObject([{ reference: base('1'), previous: undefined, behind: 1 }]);
  });

  it('takes a build that is newer than the last check as the newest', async () => {
    const { registry, watcher, base, build, view } = await installation();
    const old = registry.push('1', manifestOf('old'));
    await build('a', base('1'), old);
    await build('b', base('1'), old);
    await watcher.run(never);
    await expect.poll(() => Date.now()).toBeGreaterThan((await view())[0]?.watched.checkedAt ?? 0);
    const now = registry.push('1', manifestOf('now'));
    await build('b', base('1'), now);
    expect(await view()).toMatchObject([{ behind: 1, newest: { digest: now }, watched: { digest: old } }]);
  });

  it('ignores other platforms and attestations', async () => {
    const { registry, watcher, base, build, check, changes, view } = await installation();
    const old = registry.push('1', indexOf({ [amd64]: 'a', [arm64]: 'b' }));
    await build('a', base('1'), old, 'default', ['linux/x86_64']);
    await watcher.run(never);
    const same = registry.push('1', indexOf({ [amd64]: 'a', [arm64]: 'c' }, 'later'));
    await check('1');
    expect(await changes()).toEqual([]);
    expect(await view()).toMatchObject([{ behind: 0, newest: { digest: same } }]);
    const now = registry.push('1', indexOf({ [amd64]: 'd', [arm64]: 'c' }));
    await check('1');
    expect(await changes()).toMatchObject([{ digest: now, previous: same, behind: 1 }]);
  });

  it('keeps the digest while the new image lacks the platform, and writes no event', async () => {
    const { registry, watcher, base, build, check, changes, view } = await installation();
    const old = registry.push('1', indexOf({ [amd64]: 'a' }));
    await build('a', base('1'), old, 'default', [amd64]);
    await watcher.run(never);
    const lacking = registry.push('1', indexOf({ [arm64]: 'a' }));
    await check('1');
    await check('1');
    expect(await changes()).toEqual([]);
    const detail = expect.stringContaining(`${lacking}, with no image for linux/amd64`);
    expect(await view()).toMatchObject([
      {
        behind: 0,
        newest: { digest: old },
        watched: { error: { code: 'base_image_platform_missing', detail, times: 2 } },
      },
    ]);
    registry.push('1', indexOf({ [amd64]: 'b' }));
    await check('1');
    const [base1] = await view();
    expect(base1?.watched.error).toBeUndefined();
    expect(await changes()).toMatchObject([{ previous: old }]);
  });

  it('asks a registry that limits requests no more until then, and goes on with others', async () => {
    const { registry, watcher, base, build, view } = await installation();
    const unnamed = await startFakeRegistry();
    for (const tag of ['1', '2', '3']) await build(`f${tag}`, base(tag));
    await build('other', `${unnamed.host}/x:1`);
    registry.oddity = () => ({ status: 429, headers: { 'retry-after': '600' } });
    await watcher.run(never);
    expect(registry.requests).toHaveLength(1);
    const codes = (await view()).map(({ watched }) => watched.error?.code ?? 'none').toSorted();
    expect(codes).toEqual(['egress_denied', 'none', 'none', 'pull_rate_limited']);
    await watcher.run(never);
    expect(registry.requests).toHaveLength(1);
  });

  it('watches neither pinned references nor images that no function uses any more', async () => {
    const { keys, registry, watcher, functions, watch, base, build } = await installation();
    const digest = registry.push('1', manifestOf('x'));
    await build('a', `${base('1')}@${digest}`, digest);
    await build('b', base('1'), digest);
    await watcher.run(never);
    expect(await redis.zrange(keys.basesDue, '0', '-1')).toEqual([base('1')]);
    await functions.remove('default', 'openfaas-fn/b');
    await watch.watch(new Set());
    expect(await redis.exists(keys.basesDue, keys.basesWatched)).toBe(0);
  });

  it('checks a marked base image in use, and no others; a storm of marks costs one check in each pause', async () => {
    const { registry, watcher, watch, base, build } = await installation({ pauseMs: 60_000 });
    await build('a', base('1'), registry.push('1', manifestOf('x')));
    await watcher.run(never);
    const before = registry.requests.length;
    for (let round = 0; round < 3; round++) {
      expect(await watch.mark([base('1'), base('2'), 'docker.io/library/node:22'])).toBe(1);
      await watcher.run(never);
    }
    expect(registry.requests.length).toBe(before);
  });

  it('checks again what was marked during a check', async () => {
    const { keys, registry, watcher, watch, base, build } = await installation({ pauseMs: 0 });
    await build('a', base('1'), registry.push('1', manifestOf('x')));
    await watcher.run(never);
    await watch.mark([base('1')]);
    const [taken] = await watch.take(1);
    await watch.mark([base('1')]);
    if (!taken) throw new Error('nothing is due');
    expect(await watch.record(taken, { state: taken.state, nextMs: 3_600_000 })).toBe(true);
    expect(Number(await redis.zscore(keys.basesDue, base('1')))).toBeLessThanOrEqual(Date.now() + 1_000);
  });

  it('records nothing for a check that another worker did meanwhile', async () => {
    const { registry, watcher, watch, base, build, changes } = await installation();
    const old = registry.push('1', manifestOf('old'));
    await build('a', base('1'), old);
    await watcher.run(never);
    await watch.mark([base('1')]);
    const [stale] = await watch.take(1);
    if (!stale) throw new Error('nothing is due');
    await watch.mark([base('1')]);
    const [other] = await watch.take(1);
    if (!other) throw new Error('nothing is due');
    const change = {
      digest: digestOf('x'),
      previous: old,
      users: [{ tenant: 'default', functions: 1, behind: 1 }],
    };
    const end = { state: { digest: digestOf('x') }, nextMs: 1_000, change };
    expect([await watch.record(other, end), await watch.record(stale, end)]).toEqual([true, false]);
    expect(await changes()).toHaveLength(1);
  });

  it('counts checks by outcome', async () => {
    const { registry, watcher, base, build, check, metrics } = await installation();
    await build('a', base('1'), registry.push('1', manifestOf('x')));
    await watcher.run(never);
    await check('1');
    registry.remove('1');
    await check('1');
    const text = await metrics.metrics();
    for (const outcome of ['first', 'unchanged', 'base_image_missing'])
      expect(text).toContain(`slipway_base_image_checks_total{outcome="${outcome}"} 1`);
    expect(text).toContain('slipway_base_images_watched 1');
  });

  it('ends with the lease', async () => {
    const { registry, watcher, base, build, view } = await installation();
    await build('a', base('1'));
    const lease = new AbortController();
    registry.oddity = () => {
      lease.abort();
      return 'answered';
    };
    await watcher.run(lease.signal);
    expect((await view())[0]?.watched).toEqual({});
  });
});
