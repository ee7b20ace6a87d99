/** A server by its name or address. */
export interface RedisServer {
  readonly host: string;
  readonly port: number;
}

/** The parts of a `REDIS_URL`. */
export interface RedisUrl {
  /** `server`: one Redis. `sentinel`: sentinels, which name the primary. `cluster`: nodes of a Redis Cluster. */
  readonly kind: 'server' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** The server, the sentinels, or some nodes of the cluster. */
  readonly servers: readonly RedisServer[];
  /** The name of the primary; only for sentinels. */
  readonly primary: string | undefined;
  /** The database's number; 0 for a cluster. */
  readonly db: number;
  /** The same URL without credentials, with all ports. A single server keeps its own form. */
  readonly shown: string;
}

const form = /^(redis|rediss)(?:\+(sentinel|cluster))?:\/\/(?:([^/?#]*)@)?([^@/?#]*)(\/[^@?#]*)?$/;
const serverForm = /^(\[[\da-fA-F:.%]+\]|[A-Za-z\d._-]+)(?::(\d{1,5}))?$/;
const primaryForm = /^\/([A-Za-z\d._-]+)(?:\/(\d{1,5}))?\/?$/;
const starts = [
  ...['redis://', 'rediss://', 'redis+sentinel://', 'rediss+sentinel://'],
  ...['redis+cluster://', 'rediss+cluster://'],
];
const ports = { server: 6379, sentinel: 26_379, cluster: 6379 };

/** Returns the parts of a `REDIS_URL`. Throws an error that says what is wrong. The URL may hold a password, so no error quotes it. */
export function parseRedisUrl(text: string): RedisUrl {
  const start = starts.find((each) => text.startsWith(each));
  if (start === undefined)
    throw new Error(`must start with ${starts.slice(0, -1).join(', ')} or ${starts.at(-1)}`);
  return /^rediss?:/.test(start) ? single(text) : several(text);
}

function single(text: string): RedisUrl {
  if (!URL.canParse(text)) {
    const { authority } = /\/\/(?<authority>[^/]*)/.exec(text)?.groups ?? {};
    throw new Error(
      authority?.includes(',')
        ? 'names several hosts: start it with redis+sentinel:// or redis+cluster://'
        : 'is not a URL such as redis://host:6379',
    );
  }
  const url = new URL(text);
  const [user, password] = [decode(url.username), decode(url.password)];
  if (url.hostname.includes(','))
    throw new Error('names several hosts: start it with redis+sentinel:// or redis+cluster://');
  url.username = url.password = '';
  const host = url.hostname === '' ? '127.0.0.1' : url.hostname.replace(/^\[|\]$/g, '');
  return {
    ...{ kind: 'server', tls: url.protocol === 'rediss:', user, password, primary: undefined },
    servers: [{ host, port: Number(url.port || ports.server) }],
    db: Number.parseInt(url.pathname.slice(1), 10) || 0,
    shown: url.href.replace(/\/$/, ''),
  };
}

function several(text: string): RedisUrl {
  const [, scheme, kind, credentials = '', hosts = '', path = ''] = form.exec(text) ?? [];
  if (kind !== 'sentinel' && kind !== 'cluster') {
    if (/[?#]/.test(text)) throw new Error('holds a ? or #, which sentinels and clusters do not take');
    throw new Error('holds a character in its user or password that must be percent-encoded');
  }
  const [name, ...rest] = credentials.split(':');
  const servers = hosts.split(',').map((host) => serverOf(host, ports[kind]));
  const { primary, db } = kind === 'sentinel' ? primaryOf(path) : { primary: undefined, db: 0 };
  if (kind === 'cluster' && path.length > 1)
    throw new Error('names a database, which a Redis Cluster does not have');
  const end = kind === 'sentinel' ? `/${primary}${db === 0 ? '' : `/${db}`}` : '';
  return {
    ...{ kind, tls: scheme === 'rediss', servers, primary, db },
    ...{ user: decode(name), password: decode(rest.join(':')) },
    shown: `${scheme}+${kind}://${servers.map(nameOf).join(',')}${end}`,
  };
}

function serverOf(text: string, usualPort: number): RedisServer {
  const [, host, port = String(usualPort)] = serverForm.exec(text) ?? [];
  if (host === undefined) throw new Error('must name its hosts as host1:port,host2:port without spaces');
  if (Number(port) < 1 || Number(port) > 65_535) throw new Error('names a port that is not 1 to 65535');
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function primaryOf(path: string): { primary: string; db: number } {
  const [, primary, db = '0'] = primaryForm.exec(path) ?? [];
  if (primary === undefined)
    throw new Error('must end with the name of the primary that the sentinels watch, such as /mymaster');
  return { primary, db: Number(db) };
}

/** Returns `host:port`. */
export const nameOf = ({ host, port }: RedisServer): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

function decode(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('holds a percent sign that encodes nothing');
  }
}
