import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, type ProcessHandle, startProcess } from '@slipway/local';
import type { TestFleet } from '../fleet.js';

const main = fileURLToPath(new URL('../../../services/worker/dist/main.js', import.meta.url));

/** Names in a file of their own, and no name server. */
const script = `set -eu
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
shift
exec "$@"`;

export interface NamedWorker extends ProcessHandle {
  /** Replaces the addresses of all names. */
  resolve(names: ReadonlyMap<string, readonly string[]>): Promise<void>;
}

/** Starts a worker that resolves names by a file of its own. Needs root. */
export async function startNamedWorker(
  fleet: TestFleet,
  env: Readonly<Record<string, string>>,
): Promise<NamedWorker> {
  const folder = join(fleet.folder, 'names');
  await mkdir(folder);
  const hosts = join(folder, 'hosts');
  const resolve: NamedWorker['resolve'] = async (names) => {
    const lines = [...names].flatMap(([name, addresses]) =>
      addresses.map((address) => `${address} ${name}\n`),
    );
    // The file keeps its inode, which is what the worker sees.
    await writeFile(hosts, ['127.0.0.1 localhost\n', ...lines].join(''));
  };
  await resolve(new Map());
  await writeFile(join(folder, 'nsswitch.conf'), 'hosts: files\n');
  const port = await freePort();
  const handle = await startProcess({
    name: 'worker',
    command: 'unshare',
    args: ['--mount', 'sh', '-c', script, 'sh', folder, process.execPath, main],
    env: {
      PATH: process.env.PATH,
      ...fleet.redisUsers.env(fleet.redisUrl),
      ...fleet.blobs,
      REDIS_PREFIX: fleet.redisPrefix,
      PAYLOAD_SECRET: fleet.payloadSecret,
      BIND_HOST: '127.0.0.1',
      PORT: String(port),
      ...env,
    },
    logFile: join(fleet.folder, 'logs', 'named-worker.log'),
    ready: async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok,
  });
  return { ...handle, resolve };
}
