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
let digest: string;
beforeAll(async () => {
  redis = connectRedis({ url: inject('redisUrl'), name: 'test', logger, cleanups, mode: 'request' });
  api = await startApi(inject('redisUrl'));
  const headers = { 'content-type': 'application/x-tar' };
  const body = archive([{ path: 'Dockerfile', text: 'FROM scratch\n' }]);
  digest = (await answer<{ digest: string }>(api.call('/v1/sources', { method: 'POST', headers, body })))
    .digest;
});
afterAll(async () => {
  await api.stop();
  await cleanups.run(logger);
});

const answer = async <T>(response: Promise<Response>) => (await (await response).json()) as T;

let images = 0;
async function submit(changes: object = {}): Promise<string> {
  const job = { image: `r.example/unreadable-${++images}:1`, source: { digest }, ...changes };
  return (await answer<{ id: string }>(api.post('/v1/jobs', job))).id;
}
interface Jobs {
  readonly jobs: readonly { readonly id: string }[];
}
const key = (id: string) => redisKeys(api.prefix).job(id);
const code = async (response: Response) => [
  response.status,
  ((await response.json()) as { code?: string }).code,
];
const remove = (id: string) => api.call(`/v1/jobs/${id}`, { method: 'DELETE' });

const damages: Record<string, (id: string) => Promise<unknown>> = {
  'its spec is cut off': (id) => redis.hset(key(id), 'spec', '{"image":"r.ex'),
  'its time is no number': (id) => redis.hset(key(id), 'created_at', 'yesterday'),
  'its state is unknown': (id) => redis.hset(key(id), 'state', 'paused'),
  'it lacks its spec': (id) => redis.hdel(key(id), 'spec'),
  'a newer version wrote it': (id) => redis.hset(key(id), 'schema', '2000'),
  'its key holds a text': (id) => redis.set(key(id), 'text'),
};

describe('a job whose record cannot be read', () => {
  it.each(Object.entries(damages))('is skipped, counted and can be removed: %s', async (_how, damage) => {
    const whole = await submit();
    const broken = await submit();
    await damage(broken);

    const list = await api.call('/v1/jobs?limit=200');
    expect(list.status).toBe(200);
    const ids = ((await list.json()) as Jobs).jobs.map(({ id }) => id);
    expect(ids).toContain(whole);
    expect(ids).not.toContain(broken);
    expect(await (await api.call('/metrics')).text()).toMatch(
      /slipway_unreadable_records_total\{kind="job"\} [1-9]/,
    );

    expect(await code(await remove(whole))).toEqual([409, 'record_readable']);
    expect((await remove(broken)).status).toBe(204);
    expect(await code(await remove(broken))).toEqual([404, 'not_found']);
    expect(await redis.exists(key(broken))).toBe(0);
    expect((await api.call('/v1/jobs')).status).toBe(200);
  });

  it('gives its tenant a code, and another tenant a 404', async () => {
    const id = await submit();
    await redis.hset(key(id), 'spec', '{');
    const path = `/v1/jobs/${id}`;
    expect(await code(await api.call(path))).toEqual([500, 'record_unreadable']);
    const other = { headers: { authorization: 'Bearer other-token' } };
    expect(await code(await api.call(path, other))).toEqual([404, 'not_found']);
    await remove(id);
  });

  it('lets its batch end once it is removed', async () => {
    const items = [1, 2].map(() => ({ image: `r.example/unreadable-${++images}:1`, source: { digest } }));
    const { id: batch } = await answer<{ id: string }>(api.post('/v1/batches', { items }));
    const { jobs } = await answer<Jobs>(api.call(`/v1/batches/${batch}/jobs`));
    const [broken = '', other = ''] = jobs.map(({ id }) => id);
    await redis.hset(key(broken), 'spec', '{');
    expect((await remove(broken)).status).toBe(204);
    await api.post(`/v1/jobs/${other}/cancel`, {});
    expect(await (await api.call(`/v1/batches/${batch}`)).json()).toMatchObject({
      state: 'finished',
      counts: { canceled: 2 },
    });
  });
});
