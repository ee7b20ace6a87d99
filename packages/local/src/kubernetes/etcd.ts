import { join } from 'node:path';
import { freePort, onFreePort } from '../free-port.js';
import { httpAnswers } from '../probe.js';
import { type ProcessHandle, startProcess } from '../process.js';
import { requireKubernetesTool } from '../tools.js';

interface EtcdOptions {
  readonly dir: string;
  readonly signal?: AbortSignal;
}

interface EtcdHandle extends ProcessHandle {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
}

/** Starts the store of an API server, without protection against a loss of power. */
export function startEtcd({ dir, signal }: EtcdOptions): Promise<EtcdHandle> {
  const command = requireKubernetesTool('etcd');
  return onFreePort(undefined, async (port) => {
    const [url, peers] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${await freePort()}`];
    const handle = await startProcess({
      name: 'etcd',
      command,
      args: [
        ...['--name', 'tests', '--data-dir', join(dir, 'data'), '--unsafe-no-fsync', '--log-level', 'warn'],
        ...['--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peers],
        ...['--initial-advertise-peer-urls', peers, '--initial-cluster', `tests=${peers}`],
      ],
      logFile: join(dir, 'etcd.log'),
      ready: () => httpAnswers(`${url}/health`, [200]),
      ...(signal && { signal }),
    });
    return { ...handle, url };
  });
}
