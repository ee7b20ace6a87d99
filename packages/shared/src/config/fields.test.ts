import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { defaultHttpSettings } from '../http/settings.js';
import { commonConfig, graceForBuilds, publicUrl } from './common.js';
import { ConfigError, declaredSettings, type Fields, readEnv } from './fields.js';
import { redisConfig } from './redis.js';

const read = <T>(env: Record<string, string>, get: (fields: Fields) => T) => readEnv(env, get);

describe('the environment', () => {
  it('uses defaults for unset and empty variables', () => {
    expect(read({ PORT: '' }, (fields) => commonConfig(fields, { port: 8080 }))).toEqual({
      logLevel: 'info',
      shutdownGraceMs: 25_000,
      port: 8080,
      metricsPort: undefined,
      healthPort: undefined,
      http: defaultHttpSettings,
    });
    expect(read({}, redisConfig)).toEqual({ redisUrl: 'redis://127.0.0.1:6379', redisPrefix: 'slipway' });
  });

  it('gives builds a grace time of their time limit and a minute, as far as timers reach', () => {
    expect(graceForBuilds(30 * 60_000)).toBe(31 * 60_000);
    expect(graceForBuilds(Number.MAX_SAFE_INTEGER)).toBe(2 ** 31 - 1);
  });

  it('names every invalid variable in one error', () => {
    const env = { PORT: 'http', LOG_LEVEL: 'loud', REDIS_URL: 'http://x', REDIS_PREFIX: 'a b', FLAG: 'yes' };
    const all = (fields: Fields) => {
      commonConfig(fields, { port: 1 });
      redisConfig(fields);
      fields.bool('FLAG', { default: false });
      fields.string('MISSING');
      fields.secret('TOKEN');
    };
    expect(() => read(env, all)).toThrow(ConfigError);
    for (const name of ['PORT', 'LOG_LEVEL', 'REDIS_URL', 'REDIS_PREFIX', 'FLAG', 'MISSING', 'TOKEN']) {
      expect(() => read(env, all)).toThrow(new RegExp(`^  ${name} `, 'm'));
    }
  });

  it('refuses one port for two servers', () => {
    const ports = (env: Record<string, string>) =>
      read({ PORT: '8080', ...env }, (fields) => commonConfig(fields, { port: 1 }));
    expect(() => ports({ METRICS_PORT: '8080' })).toThrow(/^ {2}METRICS_PORT must differ from PORT/m);
    expect(() => ports({ METRICS_PORT: '9', HEALTH_PORT: '9' })).toThrow(
      /^ {2}HEALTH_PORT must differ from METRICS_PORT/m,
    );
    expect(ports({ PORT: '0', METRICS_PORT: '0', HEALTH_PORT: '0' })).toMatchObject({
      port: 0,
      metricsPort: 0,
    });
  });

  it('gives the documentation of each setting', () => {
    const declared = declaredSettings((fields) => {
      fields.int('WAIT_MS', { doc: 'How long', default: 5 });
      fields.secret('TOKEN', { doc: 'A secret' });
      fields.optional('NAME', { doc: 'A name', shownDefault: 'the host' });
      // Read again elsewhere.
      fields.optional('NAME');
      fields.inherited(['PATH']);
    });
    expect(declared).toEqual([
      { name: 'WAIT_MS', doc: 'How long', default: 5, required: false },
      { name: 'TOKEN', doc: 'A secret', required: true },
      { name: 'NAME', doc: 'A name', shownDefault: 'the host' },
    ]);
  });

  describe('of a Redis', () => {
    const hidden = 'p@ss/word';
    const inUrl = `redis://slipway:${encodeURIComponent(hidden)}@redis:6379/2`;

    it('separates credentials from the address', () => {
      const config = read({ REDIS_URL: inUrl }, redisConfig);
      expect(config.redisUrl).toBe('redis://redis:6379/2');
      expect(config.redisAccess?.user).toBe('slipway');
      expect(config.redisAccess?.password?.reveal()).toBe(hidden);
      expect(inspect(config, { depth: 9 }) + JSON.stringify(config)).not.toMatch(/p@ss|p%40ss/);
      const apart = read({ REDIS_URL: 'rediss://slipway@redis', REDIS_PASSWORD: hidden }, redisConfig);
      expect(apart.redisUrl).toBe('rediss://redis');
      expect(apart.redisAccess?.password?.reveal()).toBe(hidden);
    });

    it('keeps the credentials of sentinels and of Redis apart', () => {
      const env = {
        REDIS_URL: `rediss+sentinel://slipway:${encodeURIComponent(hidden)}@a,b:7000/main`,
        REDIS_SENTINEL_USER: 'looker',
        REDIS_SENTINEL_PASSWORD: 'p@ss-2',
      };
      const config = read(env, redisConfig);
      expect(config.redisUrl).toBe('rediss+sentinel://a:26379,b:7000/main');
      expect(config.redisAccess?.password?.reveal()).toBe(hidden);
      expect(config.redisAccess?.sentinel?.user).toBe('looker');
      expect(config.redisAccess?.sentinel?.password.reveal()).toBe('p@ss-2');
      expect(inspect(config, { depth: 9 })).not.toMatch(/p@ss|p%40ss/);
    });

    it.each([
      [
        { REDIS_URL: 'redis+cluster://a', REDIS_SENTINEL_PASSWORD: 'x' },
        /only if REDIS_URL starts with redis\+sentinel:/,
      ],
      [{ REDIS_URL: 'redis+sentinel://a/main', REDIS_SENTINEL_USER: 'x' }, /needs REDIS_SENTINEL_PASSWORD/],
      [
        { REDIS_URL: 'redis+cluster://a', REDIS_CA_FILE: '/etc/hostname' },
        /must start with rediss\+cluster:\/\//,
      ],
      [{ REDIS_URL: 'redis://a', REDIS_CA_FILE: '/etc/hostname' }, /must start with rediss:\/\/ /],
    ])('refuses settings that do not fit the URL: %j', (env, words) => {
      expect(() => read(env, redisConfig)).toThrow(words);
    });

    it('refuses contradictory settings without quoting a password', () => {
      for (const env of [
        { REDIS_URL: inUrl, REDIS_PASSWORD: hidden },
        { REDIS_URL: inUrl.replace('redis:', 'http:') },
        { REDIS_URL: 'redis://a:p@ss%zz@redis' },
        { REDIS_URL: inUrl, REDIS_CA_FILE: '/none' },
        { REDIS_URL: 'redis://redis', REDIS_CA_FILE: '/etc/hostname' },
        { REDIS_URL: 'rediss://redis', REDIS_CERT_FILE: '/etc/hostname' },
      ]) {
        const reading = () => read(env, redisConfig);
        expect(reading).toThrow(/REDIS_/);
        expect(reading).not.toThrow(/p@ss|p%40ss/);
      }
    });
  });

  it.each(['-1', '1.5', '1e3', '0x10', ' ', '99999999999999999999'])(
    'refuses %j as a whole number',
    (text) => {
      const port = (fields: Fields) => fields.int('N', { min: 0, max: 65_535 });
      expect(() => read({ N: text }, port)).toThrow(ConfigError);
    },
  );

  it('returns the public URL without a trailing slash', () => {
    const url = (PUBLIC_URL: string) => read({ PUBLIC_URL }, publicUrl);
    expect(url('')).toBeUndefined();
    expect(url('https://slipway.example/')).toBe('https://slipway.example');
    expect(url('http://ci.internal:8080/slipway/')).toBe('http://ci.internal:8080/slipway');
    for (const bad of ['slipway.example', 'ftp://x', 'https://a:b@x', 'https://x/?a=b', 'https://x/#a']) {
      expect(() => url(bad), bad).toThrow(/^ {2}PUBLIC_URL must/m);
    }
  });

  it('reads a secret from a file, trimmed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'secret');
    writeFileSync(file, '  hush\n');
    expect(read({ KEY_FILE: file }, (fields) => fields.secret('KEY')).reveal()).toBe('hush');
    writeFileSync(file, '\n');
    expect(() => read({ KEY_FILE: file }, (fields) => fields.secret('KEY'))).toThrow(
      /KEY_FILE names an empty file/,
    );
    expect(() => read({ KEY_FILE: `${file}.gone` }, (fields) => fields.secret('KEY'))).toThrow(
      /KEY_FILE cannot be read/,
    );
  });

  it('never prints a secret', () => {
    const secret = read({ KEY: 'hush' }, (fields) => fields.secret('KEY'));
    expect(
      [`${secret}`, JSON.stringify({ secret }), inspect({ secret }), String(secret)].join(),
    ).not.toContain('hush');
    expect(secret.reveal()).toBe('hush');
  });
});
