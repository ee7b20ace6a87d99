import { usualPrefix } from '../redis/keys.js';
import { checkRedisTls, type RedisTlsFiles } from '../redis/tls.js';
import { parseRedisUrl, type RedisUrl } from '../redis/url.js';
import type { Fields } from './fields.js';
import { Secret } from './secret.js';

/** The Redis that holds records and queues, for the services that use it. */
export interface RedisConfig {
  /** Without credentials. */
  readonly redisUrl: string;
  readonly redisPrefix: string;
  readonly redisAccess?: RedisAccess | undefined;
}

/** The credentials of a connection. */
export interface RedisAccess {
  /** The ACL user; unset means `default` of Redis. */
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  /** The user at the sentinels, which have users of their own. */
  readonly sentinel?: { readonly user: string | undefined; readonly password: Secret } | undefined;
  /** Set only for `rediss://` and its forms. */
  readonly tls?: RedisTlsFiles | undefined;
}

const usualUrl = 'redis://127.0.0.1:6379';

export function redisConfig(fields: Fields): RedisConfig {
  const url = redisUrl(fields);
  const before = fields.problems.length;
  const password = passwordOf(fields, url);
  const sentinel = sentinelOf(fields, url);
  const tls = tlsOf(fields);
  const user = url?.user;
  if (fields.problems.length === before && tls && url?.tls === false) {
    fields.problems.push(
      `REDIS_URL must start with ${url.shown.replace(/^redis(.*?:\/\/).*$/, 'rediss$1')} for REDIS_CA_FILE and REDIS_CERT_FILE to take effect`,
    );
  }
  return {
    redisUrl: url?.shown ?? '',
    redisPrefix:
      fields.parsed('REDIS_PREFIX', {
        doc: 'Begins every key, so that installations can share a Redis',
        parse: redisPrefix,
        default: usualPrefix,
      }) ?? '',
    redisAccess: (user ?? password ?? sentinel ?? tls) ? { user, password, sentinel, tls } : undefined,
  };
}

function redisUrl(fields: Fields): RedisUrl | undefined {
  const before = fields.problems.length;
  const url = fields.parsedSecret('REDIS_URL', {
    doc: '`redis://[user@]host[:port][/db]`, [`redis+sentinel://` or `redis+cluster://`](redis-failover.md); `rediss…` for TLS. It may hold the password, so `REDIS_URL_FILE` works too',
    shownDefault: `\`${usualUrl}\``,
    parse: parseRedisUrl,
  });
  return url ?? (fields.problems.length === before ? parseRedisUrl(usualUrl) : undefined);
}

function passwordOf(fields: Fields, url: RedisUrl | undefined): Secret | undefined {
  const password = fields.optionalSecret('REDIS_PASSWORD', {
    doc: 'Of the [user](redis.md) in `REDIS_URL`, or of the user `default` of Redis',
  });
  if (url?.password === undefined) return password;
  if (password !== undefined)
    fields.problems.push('REDIS_PASSWORD conflicts with REDIS_URL, which holds a password too');
  return new Secret(url.password);
}

function sentinelOf(fields: Fields, url: RedisUrl | undefined): RedisAccess['sentinel'] {
  const user = fields.optional('REDIS_SENTINEL_USER', {
    doc: 'The user at the sentinels, if they have users',
    shownDefault: '`default`',
  });
  const password = fields.optionalSecret('REDIS_SENTINEL_PASSWORD', { doc: 'The password at the sentinels' });
  if (user !== undefined && password === undefined)
    fields.problems.push('REDIS_SENTINEL_USER needs REDIS_SENTINEL_PASSWORD');
  if (password === undefined) return undefined;
  if (url && url.kind !== 'sentinel')
    fields.problems.push(
      'REDIS_SENTINEL_PASSWORD takes effect only if REDIS_URL starts with redis+sentinel://',
    );
  return { user, password };
}

function tlsOf(fields: Fields): RedisTlsFiles | undefined {
  const caFile = fields.optional('REDIS_CA_FILE', {
    doc: 'PEM: the authority of the certificate of Redis, with `rediss://`',
    shownDefault: "the machine's",
  });
  const certFile = fields.optional('REDIS_CERT_FILE', {
    doc: 'PEM: the client certificate for Redis',
  });
  const keyFile = fields.optional('REDIS_KEY_FILE', { doc: 'PEM: the key of the client certificate' });
  if ((certFile === undefined) !== (keyFile === undefined)) {
    fields.problems.push('REDIS_CERT_FILE and REDIS_KEY_FILE must be set together');
    return undefined;
  }
  if (caFile === undefined && certFile === undefined) return undefined;
  const files = { caFile, certFile, keyFile };
  try {
    checkRedisTls(files);
  } catch (error) {
    const names = 'REDIS_CA_FILE, REDIS_CERT_FILE and REDIS_KEY_FILE';
    fields.problems.push(`${names} cannot be used: ${(error as Error).message}`);
  }
  return files;
}

function redisPrefix(raw: string): string {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(raw)) throw new Error('must be 1 to 64 letters, digits, dots, dashes');
  return raw;
}
