import { checkRedisTls, type RedisTlsFiles } from '../redis/tls.js';
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
  /** Set only for `rediss://`. */
  readonly tls?: RedisTlsFiles | undefined;
}

const usualUrl = 'redis://127.0.0.1:6379';

export function redisConfig(fields: Fields): RedisConfig {
  const url = redisUrl(fields);
  const before = fields.problems.length;
  const password = passwordOf(fields, url);
  const tls = tlsOf(fields);
  const user = url?.username === '' ? undefined : decode(url?.username);
  if (fields.problems.length === before && tls && url?.protocol === 'redis:') {
    fields.problems.push(
      'REDIS_URL must start with rediss:// for REDIS_CA_FILE and REDIS_CERT_FILE to take effect',
    );
  }
  if (url) url.username = url.password = '';
  return {
    redisUrl: url?.href.replace(/\/$/, '') ?? '',
    redisPrefix:
      fields.parsed('REDIS_PREFIX', {
        doc: 'Begins every key, so that installations can share a Redis',
        parse: redisPrefix,
        default: 'slipway',
      }) ?? '',
    redisAccess: (user ?? password ?? tls) ? { user, password, tls } : undefined,
  };
}

function redisUrl(fields: Fields): URL | undefined {
  const before = fields.problems.length;
  const url = fields.parsedSecret('REDIS_URL', {
    doc: '`redis://[user@]host[:port][/db]`, or `rediss://` for TLS. It may hold the password, so `REDIS_URL_FILE` works too',
    shownDefault: `\`${usualUrl}\``,
    parse: parseUrl,
  });
  return url ?? (fields.problems.length === before ? new URL(usualUrl) : undefined);
}

/** The URL may hold the password, so errors never quote it. */
function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'redis:' && url?.protocol !== 'rediss:')
    throw new Error('must start with redis:// or rediss://');
  decode(url.username);
  decode(url.password);
  return url;
}

function passwordOf(fields: Fields, url: URL | undefined): Secret | undefined {
  const password = fields.optionalSecret('REDIS_PASSWORD', {
    doc: 'Of the [user](redis.md) in `REDIS_URL`, or of the user `default` of Redis',
  });
  if (url === undefined || url.password === '') return password;
  if (password !== undefined)
    fields.problems.push('REDIS_PASSWORD conflicts with REDIS_URL, which holds a password too');
  return new Secret(decode(url.password) ?? '');
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

function decode(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    throw new Error('holds a percent sign that encodes nothing');
  }
}

function redisPrefix(raw: string): string {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(raw)) throw new Error('must be 1 to 64 letters, digits, dots, dashes');
  return raw;
}
