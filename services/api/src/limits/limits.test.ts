import { Secret } from '@slipway/shared/config';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { addTenants, type NewTenant } from '../testing/add-tenants.js';
import { type RunningApi, startApi } from '../testing/start-api.js';
import { FailedTokens } from './failed-tokens.js';
import { RequestRate } from './request-rate.js';

let apis: readonly [RunningApi, RunningApi];
let redis: Redis;
beforeAll(async () => {
  const first = await startApi(inject('redisUrl'), { trustedProxies: ['127.0.0.1'] });
  const same = { redisPrefix: first.prefix, blobStore: `file://${first.blobs}` };
  apis = [first, await startApi(inject('redisUrl'), { ...same, trustedProxies: ['127.0.0.1'] })];
  redis = new Redis(inject('redisUrl'));
});
afterAll(async () => {
  redis.disconnect();
  await Promise.all(apis.map((api) => api.stop()));
});

const withLimit = async (name: string, limit: number | undefined, token = `${name}-token`) => {
  const limits = limit === undefined ? {} : { requests_per_minute: limit };
  const tenant: NewTenant = { name, token, settings: { limits } };
  const config = { redisUrl: inject('redisUrl'), redisPrefix: apis[0].prefix };
  await addTenants({ ...config, payloadSecret: new Secret('payload') }, [tenant]);
};
interface Asked {
  readonly from?: string;
  readonly api?: RunningApi;
}
const ask = async (token: string, { from = '192.0.2.1', api = apis[0] }: Asked = {}) => {
  const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': from };
  const answer = await api.call('/v1/jobs', { headers });
  const { code } = (await answer.json()) as { code?: string };
  const header = (name: string) => answer.headers.get(name);
  return {
    said: [answer.status, code],
    ...{ retryAfter: header('retry-after'), policy: header('ratelimit-policy'), state: header('ratelimit') },
  };
};

describe('the requests of a tenant in a minute', () => {
  it('are counted over all processes, and refused beyond its limit', async () => {
    await withLimit('limited', 3);
    const first = await ask('limited-token');
    expect([first.said, first.policy]).toEqual([[200, undefined], '"requests";q=3;w=60']);
    expect(first.state).toMatch(/^"requests";r=2;t=(60|5\d)$/);
    expect((await ask('limited-token', { api: apis[1] })).state).toContain(';r=1;');
    expect((await ask('limited-token')).state).toContain(';r=0;');
    for (const api of apis) {
      const refused = await ask('limited-token', { api });
      expect(refused.said).toEqual([429, 'rate_limited']);
      expect(refused.state).toBe(`"requests";r=0;t=${refused.retryAfter}`);
    }
    // The window is over.
    await redis.del(redisKeys(apis[0].prefix).requestRate('limited'));
    expect((await ask('limited-token')).said).toEqual([200, undefined]);
  });

  it('reset with the window, which later requests do not restart', async () => {
    await withLimit('window', 1);
    await ask('window-token');
    const key = redisKeys(apis[0].prefix).requestRate('window');
    await redis.pexpire(key, 30_000);
    const refused = await ask('window-token');
    expect(refused.said).toEqual([429, 'rate_limited']);
    expect(Number(refused.retryAfter)).toBeLessThanOrEqual(30);
    expect(await redis.pttl(key)).toBeLessThanOrEqual(30_000);
  });

  it('are not counted for a tenant without a limit', async () => {
    await withLimit('free', undefined);
    const answer = await ask('free-token');
    expect([answer.said, answer.policy, answer.state]).toEqual([[200, undefined], null, null]);
    expect(await redis.exists(redisKeys(apis[0].prefix).requestRate('free'))).toBe(0);
  });

  it('do not give a 500 when Redis is unavailable', async () => {
    const cleanups = new Cleanups();
    const logger = createLogger({ name: 'test', level: 'silent' });
    const url = 'redis://127.0.0.1:1';
    const away = connectRedis({ url, name: 'away', logger, cleanups, mode: 'request' });
    const rate = new RequestRate({ redis: away, keys: redisKeys('away') });
    const settings = {
      limits: { requests_per_minute: 1 },
      images: [],
      highest_priority: 'high' as const,
      proxy_arguments: false,
    };
    const counted = rate.count({ name: 'x', weight: 1, settings, maxStoredBytes: 1 }, undefined as never);
    await expect(counted).rejects.toMatchObject({ name: 'MaxRetriesPerRequestError' });
    await cleanups.run(logger);
  });
});

describe('wrong tokens', () => {
  it('are refused from an address that sent too many, while right tokens are accepted, also unused ones', async () => {
    const from = '192.0.2.7';
    for (let at = 0; at < 30; at++) {
      expect((await ask(`guess-${at}`, { from })).said).toEqual([401, 'unauthorized']);
    }
    await withLimit('newcomer', undefined);
    const wrong = ['guess-30', 'guess-0'];
    const answers = await Promise.all(
      [...wrong, 'newcomer-token', ...wrong].map((token) => ask(token, { from })),
    );
    const said = answers.map((answer) => answer.said);
    const refused = [429, 'too_many_failures'];
    expect(said).toEqual([refused, refused, [200, undefined], refused, refused]);
    expect(Number(answers[0]?.retryAfter)).toBeGreaterThan(0);
    expect((await ask('guess-31', { from: '192.0.2.8' })).said).toEqual([401, 'unauthorized']);
  });

  it('are counted together for a /64 of IPv6', async () => {
    for (let at = 0; at < 30; at++) await ask(`guess-${at}`, { from: `2001:db8::${at + 1}` });
    expect((await ask('guess', { from: '2001:db8:0:0:1::1' })).said).toEqual([429, 'too_many_failures']);
    expect((await ask('guess', { from: '2001:db8:0:1::1' })).said).toEqual([401, 'unauthorized']);
  });

  it('beyond the limit are looked up a few at a time, and all of them are answered', async () => {
    const failed = new FailedTokens();
    const network = () => 'a';
    const wrong = (lookUp: () => Promise<undefined>) =>
      failed
        .check({ network, signal: () => new AbortController().signal, lookUp })
        .catch((error: unknown) => error);
    for (let at = 0; at < 30; at++) await wrong(async () => undefined);
    let atOnce = 0;
    let most = 0;
    const refusals = await Promise.all(
      Array.from({ length: 50 }, () =>
        wrong(async () => {
          most = Math.max(most, ++atOnce);
          await redis.ping();
          atOnce--;
          return undefined;
        }),
      ),
    );
    expect(most).toBe(4);
    expect(refusals).toEqual(Array(50).fill(expect.objectContaining({ code: 'too_many_failures' })));
  });
});

describe('the installation token', () => {
  it('is exempt from the limit of its tenant, so that an operator can always change it', async () => {
    const api = await startApi(inject('redisUrl'), { trustedProxies: ['127.0.0.1'] });
    try {
      const put = (limits: object) =>
        api.call('/v1/tenants/default', {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ images: ['*'], limits }),
        });
      expect((await put({ requests_per_minute: 1 })).status).toBe(200);
      const made = await api.call('/v1/tokens', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ description: 'another of default', scopes: ['admin'] }),
      });
      const { token } = (await made.json()) as { token: string };
      expect((await ask(token, { api })).said).toEqual([200, undefined]);
      expect((await ask(token, { api })).said).toEqual([429, 'rate_limited']);
      for (let at = 0; at < 3; at++) expect((await api.call('/v1/jobs')).status).toBe(200);
      expect((await put({})).status).toBe(200);
      expect((await ask(token, { api })).said).toEqual([200, undefined]);
    } finally {
      await api.stop();
    }
  });
});
