import { describe, expect, it } from 'vitest';
import { parseChallenges } from './challenge.js';
import { rateLimitMs, retryAfterMs } from './waits.js';

describe('a challenge', () => {
  it.each([
    [
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/node:pull"',
      [
        {
          scheme: 'bearer',
          parameters: {
            realm: 'https://auth.docker.io/token',
            service: 'registry.docker.io',
            scope: 'repository:library/node:pull',
          },
        },
      ],
    ],
    ['Basic realm="a \\"b\\", c"', [{ scheme: 'basic', parameters: { realm: 'a "b", c' } }]],
    [
      'bearer Realm = x , error=invalid_token',
      [{ scheme: 'bearer', parameters: { realm: 'x', error: 'invalid_token' } }],
    ],
    [
      'Negotiate, Basic realm="a", Bearer realm="b"',
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'a' } },
        { scheme: 'bearer', parameters: { realm: 'b' } },
      ],
    ],
    ['Bearer realm="first",realm="second"', [{ scheme: 'bearer', parameters: { realm: 'first' } }]],
    ['', []],
    ['="', []],
  ])('%s', (header, challenges) => {
    expect(parseChallenges(header)).toEqual(challenges);
  });
});

describe('a wait', () => {
  const now = Date.parse('2026-01-02T03:04:05Z');

  it.each([
    ['120', 120_000],
    ['0', 0],
    ['Fri, 02 Jan 2026 03:05:05 GMT', 60_000],
    ['Fri, 02 Jan 2026 03:00:00 GMT', 0],
    ['99999999999', 6 * 3_600_000],
    ['soon', undefined],
    ['', undefined],
  ])('of Retry-After %s', (value, ms) => {
    expect(retryAfterMs({ 'retry-after': value }, now)).toBe(ms);
  });

  it.each([
    [{ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' }, undefined],
    [{ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '5;w=21600' }, 216_000],
    [{ 'ratelimit-remaining': '0', 'ratelimit-reset': '30' }, 30_000],
    [
      { 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1767323045' },
      60_000,
    ],
    [{ 'ratelimit-remaining': '0' }, 60_000],
    [{ 'ratelimit-remaining': 'few' }, undefined],
    [{}, undefined],
  ])('of a rate limit %j', (headers, ms) => {
    expect(rateLimitMs(headers)).toBe(ms);
  });
});
