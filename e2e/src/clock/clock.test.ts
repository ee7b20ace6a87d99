import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { JobStore } from '@slipway/control-plane/jobs';
import { type ServiceHandle, startRedis, startService, temporaryFolder } from '@slipway/local';
import { jobSpecSchema } from '@slipway/shared/contracts';
import { newId, timeOfId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { startSimulator } from '@slipway/simulator';
import { afterEach, describe, expect, test } from 'vitest';
import { type ClockOffset, clockOff } from './clock-off.js';

const dayMs = 24 * 3600 * 1_000;
const logger = createLogger({ name: 'test', level: 'silent' });
const tenant = { name: 'default', weight: 1 };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanups.splice(0).reverse()) await step();
});

const shifted = (days: number) => clockOff(days > 0 ? `+${days}d` : (`${days}d` as ClockOffset));

/** The digits of ULIDs: Crockford's base 32. */
const digits = '0123456789abcdefghjkmnpqrstvwxyz';

/** Returns the id of a job submitted at this time. */
function idAt(ms: number): string {
  const time = Array.from({ length: 10 }, (_, at) => digits[Math.floor(ms / 32 ** (9 - at)) % 32]).join('');
  return `job_${time}${newId('job').slice(-16)}`;
}

/** Starts Redis and a replica. The returned `start` starts services, whose clocks may be off. */
async function setUp() {
  const folder = await temporaryFolder();
  cleanups.push(folder.remove);
  const owned = new Cleanups();
  const redisPart = await startRedis({ dir: folder.path, logFile: join(folder.path, 'redis.log') });
  cleanups.push(() => redisPart.stop());
  cleanups.push(() => owned.run(logger));
  const replica = await startSimulator({ payloadSecret: 'payload' });
  cleanups.push(() => replica.stop());
  const redis = connectRedis({ url: redisPart.url, name: 'test', logger, cleanups: owned, mode: 'request' });
  const keys = redisKeys('slipway');
  const store = new JobStore({ redis, keys });
  let services = 0;
  const start = async (service: 'api' | 'worker', env: Readonly<Record<string, string>> = {}) => {
    const name = `${service}-${++services}`;
    const handle = await startService({
      ...{ service, name, logFile: join(folder.path, `${name}.log`) },
      env: {
        REDIS_URL: redisPart.url,
        BLOB_STORE: pathToFileURL(join(folder.path, 'blobs')).href,
        PAYLOAD_SECRET: 'payload',
        API_TOKEN: 'token',
        BUILDERS: replica.url,
        EGRESS_ALLOW: '127.0.0.0/8',
        ...env,
      },
    });
    cleanups.push(() => handle.stop());
    return handle;
  };
  /** Stores a job that ended `daysAgo` days ago. */
  const ended = async (daysAgo: number) => {
    const id = idAt(Date.now() - daysAgo * dayMs);
    const spec = jobSpecSchema.parse({
      image: `r.example/${id.slice(4)}:1`,
      source: { digest: `sha256:${'0'.repeat(64)}` },
    });
    await store.create(id, spec, { tenant });
    await store.cancel(id);
    await redis.hset(keys.job(id), 'finished_at', Date.now() - daysAgo * dayMs);
    return id;
  };
  return { redis, keys, store, start, ended };
}

const text = async ({ url }: ServiceHandle, path: string) => (await fetch(`${url}${path}`)).text();
const metric = async (service: ServiceHandle, name: string) =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await text(service, '/metrics'))?.[1]);
const call = async ({ url }: ServiceHandle, path: string, body?: unknown, token = 'token') => {
  const json = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}${path}`, {
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && json) },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};

describe.each([100, -100])('a worker whose clock is off by %i days', (days) => {
  test('deletes nothing, does not become leader, warns, and continues to build', async () => {
    const { redis, keys, store, start, ended } = await setUp();
    const [old, recent] = [await ended(40), await ended(1)];
    const off = await start('worker', await shifted(days));
    expect(await text(off, '/readyz')).toContain("Redis' clock; set it right");
    expect(Math.abs((await metric(off, 'slipway_clock_offset_seconds')) - days * 86_400)).toBeLessThan(60);

    const api = await start('api');
    const source = { files: { Dockerfile: 'FROM scratch\n' } };
    const { body: job } = await call(api, '/v1/jobs', { image: 'r.example/fresh:1', source });
    await expect.poll(async () => (await store.get(String(job.id)))?.state).toBe('succeeded');
    expect(await metric(off, 'slipway_leader')).toBe(0);
    expect(await redis.get(keys.leader)).toBeNull();

    const right = await start('worker');
    await expect.poll(() => metric(right, 'slipway_leader')).toBe(1);
    // After retention has run, only the really old jobs are gone.
    await expect.poll(() => store.get(old)).toBeUndefined();
    expect(await store.get(recent)).toMatchObject({ state: 'canceled' });
    expect(await store.get(String(job.id))).toMatchObject({ state: 'succeeded' });
    expect(await metric(off, 'slipway_leader')).toBe(0);
  });
});

describe.each([100, -100])('an API whose clock is off by %i days', (days) => {
  test("uses Redis' time for tokens, ids and retention", async () => {
    const { redis, keys, start } = await setUp();
    const off = await start('api', await shifted(days));
    expect(await text(off, '/readyz')).toContain("Redis' clock; set it right");
    const made = await call(off, '/v1/tokens', {
      ...{ description: 'CI', scopes: ['jobs:read', 'jobs:write'], expires_in_days: 30 },
    });
    expect(made.status).toBe(201);
    const expiresAt = Date.parse(String(made.body.expires_at));
    expect(Math.abs(expiresAt - Date.now() - 30 * dayMs)).toBeLessThan(dayMs);
    const source = { files: { Dockerfile: 'FROM scratch\n' } };
    const job = await call(off, '/v1/jobs', { image: 'r.example/a:1', source }, String(made.body.token));
    expect(job.status).toBe(202);
    expect(Math.abs(timeOfId(String(job.body.id)) - Date.now())).toBeLessThan(dayMs);
    await expect.poll(() => redis.xlen(keys.audit)).toBeGreaterThan(0);
    const again = await start('api', await shifted(days));
    expect((await call(again, '/v1/audit')).body.entries).not.toEqual([]);
  });
});
