import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageConfig } from '../images/pulled-image.js';
import { requireTool } from '../images/stand-ins.js';

interface RunOptions {
  readonly rootfs: string;
  readonly config: ImageConfig;
  /** A command in place of the image's own. */
  readonly command?: readonly string[];
  readonly input?: string;
}

interface RunEnd {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs an image's command in its unpacked files, with its user, folder and environment. Not a sandbox. */
export function run({ rootfs, config, command, input = '' }: RunOptions): RunEnd {
  const { uid, gid } = identity(rootfs, config.User ?? '');
  const words = command ?? [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  const place = [`--root=${rootfs}`, `--wd=${config.WorkingDir || '/'}`];
  const pairs = config.Env.map((each) => /^(.*?)=(.*)$/s.exec(each)?.slice(1) ?? []);
  const { status, stdout, stderr } = spawnSync(
    requireTool('unshare'),
    [...place, `--setgid=${gid}`, `--setuid=${uid}`, '--', ...words],
    { env: Object.fromEntries(pairs) as NodeJS.ProcessEnv, input, encoding: 'utf8', timeout: 60_000 },
  );
  return { exit: status, out: stdout, err: stderr };
}

/** Returns the ids of a user of the image, by name or number. */
function identity(rootfs: string, user: string): { uid: string; gid: string } {
  const [name = '', group] = user.split(':');
  if (name === '') return { uid: '0', gid: '0' };
  const file = join(rootfs, 'etc/passwd');
  const users = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const known = users.map((line) => line.split(':')).find(([each, , uid]) => each === name || uid === name);
  const uid = known?.[2] ?? name;
  if (!/^\d+$/.test(uid)) throw new Error(`the image has no user ${name}`);
  return { uid, gid: group ?? known?.[3] ?? '0' };
}
