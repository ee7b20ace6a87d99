import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const source = fileURLToPath(new URL('go-peer', import.meta.url));

interface PeerAnswer {
  readonly public_key: string;
  readonly private_key: string;
  readonly key_id: string;
  readonly envelope: string;
  /** Values in base64. */
  readonly secrets: Readonly<Record<string, string>>;
}

export interface Peer {
  ask(message: Readonly<Record<string, unknown>>): Promise<PeerAnswer>;
  remove(): Promise<void>;
}

/** Builds the program that seals and opens with OpenFaaS' Go SDK, at the version pinned in its go.mod and go.sum. */
export async function buildPeer(): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-peer-'));
  const program = join(folder, 'peer');
  await promisify(execFile)('go', ['build', '-mod=readonly', '-trimpath', '-o', program, '.'], {
    cwd: source,
    env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' },
  });
  return {
    ask: (message) =>
      new Promise((resolve, reject) => {
        const child = execFile(program, { maxBuffer: 16 * 1024 * 1024 }, (error, stdout) =>
          error ? reject(error) : resolve(JSON.parse(stdout)),
        );
        child.stdin?.end(JSON.stringify(message));
      }),
    remove: () => rm(folder, { recursive: true }),
  };
}

/** Returns true if its tests must run: always in CI, where they fail without Go. Elsewhere they are skipped with a message. */
export async function hasGo(): Promise<boolean> {
  if (process.env.CI !== undefined) return true;
  try {
    await promisify(execFile)('go', ['version']);
    return true;
  } catch {
    process.stderr.write('skipping the tests with the Go SDK: no Go toolchain found\n');
    return false;
  }
}
