import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateAddresses, publicAddress } from './addresses.js';
import { runScript } from './run-script.js';

interface NamespaceOptions {
  /** A compiled module that is run there. */
  readonly script: string;
  readonly args: readonly string[];
  readonly note: (text: string) => void;
  readonly timeoutMs: number;
}

const setUp = `set -eu
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
ip link set lo up
shift
while [ "$1" != -- ]; do ip address add "$1" dev lo; shift; done
shift
exec "$@"`;

/**
 * Runs a script in its own network without other machines: an interface with public and private addresses,
 * and a name server that the script must run. Needs root. Resolves to the script's parsed output; its errors go to `note`.
 */
export async function runInNamespace({ script, args, note, timeoutMs }: NamespaceOptions): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-network-'));
  try {
    await writeFile(join(folder, 'resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n');
    await writeFile(join(folder, 'nsswitch.conf'), 'hosts: files dns\n');
    const addresses = [publicAddress, ...privateAddresses].map(
      (address) => `${address}/${address.includes(':') ? 128 : 32}`,
    );
    return await runScript({
      command: 'unshare',
      args: [
        ...['--net', '--mount', 'sh', '-c', setUp, 'sh', folder],
        ...[...addresses, '--', process.execPath, script, ...args],
      ],
      note,
      timeoutMs,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
