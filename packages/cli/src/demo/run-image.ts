import { findTool, freePort, type ProcessHandle, startProcess } from '@slipway/local';
import type { ImageConfig } from './pull.js';

export interface RunningImage extends ProcessHandle {
  readonly url: string;
}

interface RunOptions {
  readonly root: string;
  readonly config: ImageConfig;
  readonly signal: AbortSignal;
}

/**
 * Runs an image's command with its unpacked files as the root folder and on the machine's own network. The command gets a free
 * port of 127.0.0.1 in PORT. This is not a sandbox: use it for images built from your own sources.
 */
export async function runImage({ root, config, signal }: RunOptions): Promise<RunningImage> {
  const unshare = findTool('unshare');
  if (!unshare) throw new Error('unshare (util-linux) is missing');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const command = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  const handle = await startProcess({
    name: 'the image',
    command: unshare,
    args: [`--root=${root}`, `--wd=${config.WorkingDir || '/'}`, ...identity(config), ...command],
    env: { ...environment(config), PORT: String(port), HOST: '127.0.0.1' },
    ready: () => answers(url),
    signal,
  });
  return { ...handle, url };
}

/** As root, returns the numeric user of the image, if any. Other users need a user namespace for chroot. */
function identity({ User = '' }: ImageConfig): string[] {
  if (process.getuid?.() !== 0) return ['--map-root-user'];
  const [, uid, gid = uid] = /^(\d+)(?::(\d+))?$/.exec(User) ?? [];
  return uid === undefined ? [] : [`--setuid=${uid}`, `--setgid=${gid}`];
}

function environment({ Env = [] }: ImageConfig): Record<string, string> {
  return Object.fromEntries(
    Env.map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}
