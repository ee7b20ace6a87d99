import { fileURLToPath } from 'node:url';
import { onFreePort } from '../free-port.js';
import { httpAnswers } from '../probe.js';
import { type ProcessHandle, startProcess } from '../process.js';
import { shippedHeap } from '../shipped.js';
import { toolPath } from '../tools.js';
import type { ServiceName } from './options.js';

export interface ServiceOptions {
  readonly service: ServiceName;
  /** For messages. Default: the service's name. */
  readonly name?: string;
  readonly port?: number;
  /** Its settings; this process's environment counts for what is not set here. */
  readonly env: Readonly<Record<string, string>>;
  readonly logFile?: string;
  /** Aborting it while this gets ready ends it. */
  readonly signal?: AbortSignal;
}

export interface ServiceHandle extends ProcessHandle {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
}

/** Starts a service of this checkout, as compiled, on 127.0.0.1, with the heap that docker-compose.yml gives it, and waits until it is ready. */
export async function startService(options: ServiceOptions): Promise<ServiceHandle> {
  const { service, name = service, env, logFile, signal } = options;
  const main = fileURLToPath(new URL(`../../../../services/${service}/dist/main.js`, import.meta.url));
  const heap = await shippedHeap(service);
  return await onFreePort(options.port, async (port) => {
    const url = `http://127.0.0.1:${port}`;
    const handle = await startProcess({
      name,
      command: process.execPath,
      args: [main],
      env: {
        ...process.env,
        PATH: toolPath(),
        // One port for several processes would not do.
        METRICS_PORT: '',
        HEALTH_PORT: '',
        NODE_OPTIONS: heap,
        BIND_HOST: '127.0.0.1',
        PORT: String(port),
        ...env,
      },
      ready: () => httpAnswers(`${url}/readyz`, [200]),
      ...(logFile !== undefined && { logFile }),
      ...(signal && { signal }),
    });
    return { ...handle, url };
  });
}
