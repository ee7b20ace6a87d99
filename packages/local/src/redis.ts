import { onFreePort } from './free-port.js';
import { tcpAnswers } from './probe.js';
import { type ProcessHandle, startProcess } from './process.js';
import { temporaryFolder } from './temporary-folder.js';
import { requireTool } from './tools.js';

export interface RedisOptions {
  /** Where its data lives. Left out: a temporary folder, removed when it is stopped. */
  readonly dir?: string;
  readonly port?: number;
  /** Keeps every write in an append-only file, synced each second. Default false: nothing is kept. */
  readonly appendOnly?: boolean;
  readonly logFile?: string;
  /** Aborting it while this gets ready ends it. */
  readonly signal?: AbortSignal;
}

export interface RedisHandle extends ProcessHandle {
  readonly url: string;
  readonly port: number;
}

/** A Redis server of its own on 127.0.0.1, with `noeviction`, answering PING. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisHandle> {
  const command = requireTool('redis-server');
  const temporary = options.dir === undefined ? await temporaryFolder() : undefined;
  const dir = options.dir ?? temporary?.path ?? '';
  const settings = (port: number) => ({
    port: String(port),
    bind: '127.0.0.1',
    dir,
    save: '',
    appendonly: options.appendOnly ? 'yes' : 'no',
    'maxmemory-policy': 'noeviction',
  });
  try {
    return await onFreePort(options.port, async (port) => {
      const handle = await startProcess({
        name: 'redis',
        command,
        args: Object.entries(settings(port)).flatMap(([key, value]) => [`--${key}`, value]),
        ready: () => tcpAnswers(port, 'PING\r\n', '+PONG'),
        ...(options.logFile && { logFile: options.logFile }),
        ...(options.signal && { signal: options.signal }),
      });
      const stop: ProcessHandle['stop'] = async (stopOptions) => {
        await handle.stop(stopOptions);
        await temporary?.remove();
      };
      return { ...handle, stop, port, url: `redis://127.0.0.1:${port}` };
    });
  } catch (error) {
    await temporary?.remove();
    throw error;
  }
}
