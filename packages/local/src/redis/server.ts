import { onFreePort } from '../free-port.js';
import { tcpAnswers } from '../probe.js';
import { type ProcessHandle, startProcess } from '../process.js';
import { type RedisUsers, shippedRedisArguments } from '../shipped.js';
import { temporaryFolder } from '../temporary-folder.js';
import { requireTool } from '../tools.js';

/** Servers that speak Redis' protocol: that of this machine's distribution, and those of `npm run setup -- --engines=all`. */
export type RedisProgram = 'redis-server' | 'redis-server-8.2' | 'valkey-server-8.1';

export interface RedisOptions {
  /** Where its data lives. Left out: a temporary folder, removed when it is stopped. */
  readonly dir?: string;
  readonly port?: number;
  /** Its users. With them it is started as docker-compose.yml starts it; without them there are none and nothing is kept. */
  readonly users?: RedisUsers;
  /** The server's program. Default: `redis-server`. */
  readonly program?: RedisProgram;
  /** Further arguments, which may replace those it is started with otherwise. */
  readonly settings?: readonly string[];
  readonly logFile?: string;
  /** Aborting it while this gets ready ends it. */
  readonly signal?: AbortSignal;
}

const unkept = [
  ...['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'],
  ...['--hash-max-listpack-value', '1024'],
];

export interface RedisHandle extends ProcessHandle {
  readonly url: string;
  readonly port: number;
}

/** Starts a Redis server on 127.0.0.1 and waits until it answers PING, which it does once it has loaded its data. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisHandle> {
  const command = requireTool(options.program ?? 'redis-server');
  const temporary = options.dir === undefined ? await temporaryFolder() : undefined;
  const dir = options.dir ?? temporary?.path ?? '';
  const { users } = options;
  const settings = users ? [...(await shippedRedisArguments()), '--aclfile', users.aclFile] : unkept;
  const [request, answer] = users
    ? [`AUTH ${users.user} ${users.password}\r\nPING\r\n`, '+OK\r\n+PONG']
    : ['PING\r\n', '+PONG'];
  try {
    return await onFreePort(options.port, async (port) => {
      const handle = await startProcess({
        name: 'redis',
        command,
        args: [
          '--port',
          String(port),
          '--bind',
          '127.0.0.1',
          '--dir',
          dir,
          ...settings,
          ...(options.settings ?? []),
        ],
        ready: () => tcpAnswers(port, request, answer),
        ...(options.logFile && { logFile: options.logFile }),
        ...(options.signal && { signal: options.signal }),
      });
      const stop: ProcessHandle['stop'] = async (stopOptions) => {
        await handle.stop(stopOptions);
        await temporary?.remove();
      };
      const credentials = users ? `${users.user}:${users.password}@` : '';
      return { ...handle, stop, port, url: `redis://${credentials}127.0.0.1:${port}` };
    });
  } catch (error) {
    await temporary?.remove();
    throw error;
  }
}
