import { readEnv } from '@slipway/shared/config';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type RunningApi, startApi } from '../testing/start-api.js';
import { clientConfig } from './config.js';

const origin = 'https://ci.example';
let plain: RunningApi;
let open: RunningApi;
beforeAll(async () => {
  const redisUrl = inject('redisUrl');
  plain = await startApi(redisUrl);
  open = await startApi(redisUrl, { corsOrigins: [origin], trustedProxies: ['127.0.0.1/32'] });
});
afterAll(() => Promise.all([plain?.stop(), open?.stop()]));

describe('every answer', () => {
  test.each(['/healthz', '/v1/jobs', '/v1/jobs/none', '/nowhere', '/docs', '/openapi.json', '/metrics'])(
    '%s has security headers',
    async (path) => {
      for (const headers of [{}, { authorization: 'Bearer token' }]) {
        const answer = await fetch(plain.url + path, { headers });
        await answer.body?.cancel();
        expect(Object.fromEntries(answer.headers)).toMatchObject({
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
          'cross-origin-resource-policy': 'same-origin',
          'content-security-policy': expect.stringMatching(/default-src 'none'.*frame-ancestors 'none'/),
        });
        expect(answer.headers.has('x-powered-by')).toBe(false);
        expect(answer.headers.has('strict-transport-security')).toBe(false);
        expect(answer.headers.get('cache-control') === 'no-store').toBe(path.startsWith('/v1'));
      }
    },
  );

  test('no page runs inline scripts', async () => {
    const page = await fetch(`${plain.url}/docs`);
    expect(page.headers.get('content-security-policy')).toMatch(/script-src 'self';/);
    expect(await page.text()).not.toMatch(/<script>|<script [^>]*>[^<]|\son\w+=/);
  });
});

describe('the protocol reported by a proxy', () => {
  const secure = { 'x-forwarded-proto': 'https' };
  test('counts when the proxy is trusted', async () => {
    const answer = await fetch(`${open.url}/healthz`, { headers: secure });
    expect(answer.headers.get('strict-transport-security')).toMatch(/^max-age=/);
  });
  test('is ignored otherwise', async () => {
    const answer = await fetch(`${plain.url}/healthz`, { headers: secure });
    expect(answer.headers.get('strict-transport-security')).toBeNull();
  });
});

describe('pages of other origins', () => {
  const preflight = (api: RunningApi, from: string) =>
    fetch(`${api.url}/v1/jobs`, {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });

  test('may call the API when they are named, with a token of their own and no credentials', async () => {
    const { status, headers } = await preflight(open, origin);
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    expect(headers.get('access-control-allow-headers')).toMatch(/Authorization.*Idempotency-Key/);
    expect(headers.get('vary')).toMatch(/Origin/);
    const answer = await open.call('/v1/jobs', { headers: { origin } });
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
    expect(answer.headers.has('access-control-allow-credentials')).toBe(false);
    const refused = await fetch(`${open.url}/v1/jobs`, { headers: { origin } });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, origin]);
  });

  test.each([`${origin}.evil.example`, 'http://ci.example', 'https://ci.example:8443', 'null'])(
    'may not call it when they are not named: %s',
    async (from) => {
      for (const answer of [await preflight(open, from), await preflight(plain, origin)]) {
        expect(answer.headers.get('access-control-allow-origin')).toBeNull();
        await answer.body?.cancel();
      }
    },
  );

  test('are named exactly', () => {
    const origins = (CORS_ORIGINS: string) => readEnv({ CORS_ORIGINS }, clientConfig).corsOrigins;
    expect(origins(' https://a.example, http://b:8080 ')).toEqual(['https://a.example', 'http://b:8080']);
    for (const wrong of ['*', 'a.example', 'https://a.example/', 'https://*.example', 'null', 'ftp://a']) {
      expect(() => origins(wrong), wrong).toThrow(/must hold origins/);
    }
  });
});
