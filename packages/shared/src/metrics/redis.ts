import { Counter, Gauge, type Registry } from 'prom-client';
import type { Redis, RedisGuard } from '../redis/index.js';

/** First words of errors about Redis. Errors that scripts invent must not become labels. */
const known = new Set([
  'OOM',
  'LOADING',
  'READONLY',
  'MOVED',
  'ASK',
  'TRYAGAIN',
  'CLUSTERDOWN',
  'MASTERDOWN',
  'NOREPLICAS',
  'MISCONF',
  'BUSY',
  'NOSCRIPT',
  'BUSYGROUP',
  'WRONGTYPE',
  'ERR',
  'MaxRetriesPerRequestError',
]);

/** Marks a command whose failure is counted. A set of commands would cost the garbage collector more than the commands themselves. */
const counted = Symbol('counted');
interface Watched {
  [counted]?: true;
}

/** Counts failures of connections to Redis. Costs one closure per command. */
export class RedisMetrics {
  readonly #up: Gauge<'connection'>;
  readonly #connectionErrors: Counter<'connection'>;
  readonly #reconnects: Counter<'connection'>;
  readonly #commandErrors: Counter<'connection' | 'error'>;

  constructor({ registry }: { readonly registry: Registry }) {
    const registers = [registry];
    this.#up = new Gauge({
      name: 'slipway_redis_up',
      help: '1 if the connection to Redis is usable, else 0',
      labelNames: ['connection'],
      registers,
    });
    this.#connectionErrors = new Counter({
      name: 'slipway_redis_connection_errors_total',
      help: 'Failures to connect to Redis and connections that broke',
      labelNames: ['connection'],
      registers,
    });
    this.#reconnects = new Counter({
      name: 'slipway_redis_reconnects_total',
      help: 'Reconnections to Redis',
      labelNames: ['connection'],
      registers,
    });
    this.#commandErrors = new Counter({
      name: 'slipway_redis_command_errors_total',
      help: 'Commands that Redis refused or did not answer, by the first word of the error',
      labelNames: ['connection', 'error'],
      registers,
    });
  }

  /** Watches a connection under a unique name, and returns it. */
  watch(connection: string, redis: Redis): Redis {
    let connected = false;
    this.#up.set({ connection }, 0);
    this.#connectionErrors.inc({ connection }, 0);
    this.#reconnects.inc({ connection }, 0);
    redis.on('ready', () => {
      if (connected) this.#reconnects.inc({ connection });
      connected = true;
      this.#up.set({ connection }, 1);
    });
    redis.on('close', () => this.#up.set({ connection }, 0));
    redis.on('error', () => this.#connectionErrors.inc({ connection }));
    const send = redis.sendCommand.bind(redis);
    redis.sendCommand = (command, ...others) => {
      // The connection sends a command again after a failover.
      const { [counted]: isCounted } = command as Watched;
      if (isCounted) return send(command, ...others);
      (command as Watched)[counted] = true;
      const { reject } = command;
      command.reject = (error) => {
        this.#commandErrors.inc({ connection, error: wordOf(error) });
        reject(error);
      };
      return send(command, ...others);
    };
    return redis;
  }
}

/** Exports whether this process can write to Redis, as its guard reports. */
export function measureWrites({
  registry,
  guard,
}: {
  readonly registry: Registry;
  readonly guard: Pick<RedisGuard, 'writable'>;
}): void {
  new Gauge({
    name: 'slipway_redis_writable',
    help: '1 if Redis accepts writes of this process; 0 also while Redis is unreachable',
    registers: [registry],
    collect() {
      this.set(guard.writable ? 1 : 0);
    },
  });
}

function wordOf({ name, message }: Error): string {
  if (known.has(name)) return name;
  const [word = ''] = message.split(' ', 1);
  if (known.has(word)) return word;
  return message.includes('timed out') ? 'timeout' : 'other';
}
