import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findTool } from '@slipway/local';
import type { ImageBuilder } from './image-builder.js';

const exec = promisify(execFile);
const certificates = '/etc/ssl/certs/ca-certificates.crt';

interface StandInOptions {
  readonly builder: ImageBuilder;
  /** An empty folder to lay the image out in. */
  readonly folder: string;
  readonly image: string;
}

/**
 * Pushes an image in place of an official Node image where none can be pulled. It has this machine's own Node,
 * npm, git and ssh, their shared libraries, a static busybox for a shell, and the certificates that this machine trusts.
 */
export async function pushNodeImage({ builder, folder, image }: StandInOptions): Promise<void> {
  const rootfs = join(folder, 'rootfs');
  const node = await realpath(process.execPath);
  const npm = dirname(dirname(await realpath(requireTool('npm'))));
  for (const path of ['usr/bin', 'usr/lib/node_modules', 'etc/ssl/certs', 'root', 'bin']) {
    await mkdir(join(rootfs, path), { recursive: true });
  }
  await mkdir(join(rootfs, 'tmp'));
  // Not by mkdir, because the umask changes its mode.
  await chmod(join(rootfs, 'tmp'), 0o1777);
  await cp(node, join(rootfs, 'usr/bin/node'));
  await cp(npm, join(rootfs, 'usr/lib/node_modules/npm'), { recursive: true, verbatimSymlinks: true });
  for (const name of ['npm', 'npx']) {
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(rootfs, 'usr/bin', name));
  }
  await addSharedLibraries({ program: node, rootfs });
  await addGit(rootfs);
  await addBusybox(rootfs);
  await cp(await realpath(certificates), join(rootfs, certificates));
  await writeFile(join(rootfs, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/tmp:/bin/sh\n');
  await writeFile(
    join(folder, 'Dockerfile'),
    [
      'FROM scratch',
      'COPY rootfs /',
      'ENV PATH=/usr/local/bin:/usr/bin:/bin',
      `ENV NODE_EXTRA_CA_CERTS=${certificates} SSL_CERT_FILE=${certificates}`,
    ].join('\n'),
  );
  await builder.build({ context: folder, image });
}

/** A script in place of `go install path@version…`. It writes programs with the right names that do nothing. */
const fakeGo = `#!/bin/sh
set -e
[ "$1" = install ]
mkdir -p "$GOBIN"
name=$(basename "$(echo "\${2%@*}" | sed 's#/v[0-9]*$##')")
printf '#!/bin/sh\\nexit 1\\n' > "$GOBIN/$name"
chmod 755 "$GOBIN/$name"
`;

/** Pushes an image that stands in for Go. It compiles nothing: compiling the helpers takes minutes, and their code comes from elsewhere. */
export async function pushGoImage({ builder, folder, image }: StandInOptions): Promise<void> {
  const rootfs = join(folder, 'rootfs');
  for (const path of ['usr/bin', 'usr/local/bin', 'bin', 'tmp'])
    await mkdir(join(rootfs, path), { recursive: true });
  await addBusybox(rootfs);
  await writeFile(join(rootfs, 'usr/local/bin/go'), fakeGo, { mode: 0o755 });
  const lines = ['FROM scratch', 'COPY rootfs /', 'ENV PATH=/usr/local/bin:/usr/bin:/bin'];
  await writeFile(join(folder, 'Dockerfile'), lines.join('\n'));
  await builder.build({ context: folder, image });
}

/**
 * Copies the libraries that `ldd` names to the paths where the program's loader looks, and the rest of glibc:
 * other programs in the image, such as pnpm, are linked with parts of glibc that Node does not use.
 */
export async function addSharedLibraries({
  program,
  rootfs,
}: {
  program: string;
  rootfs: string;
}): Promise<void> {
  const { stdout } = await exec('ldd', [program]);
  const paths = [...stdout.matchAll(/(?:=>\s*|^\s*)(\/\S+)/gm)].map(([, path = '']) => path);
  const glibc = dirname(paths.find((path) => path.endsWith('/libc.so.6')) ?? '');
  for (const path of [...paths, join(glibc, 'librt.so.1'), join(glibc, 'libresolv.so.2')]) {
    await mkdir(join(rootfs, dirname(path)), { recursive: true });
    await cp(await realpath(path), join(rootfs, path));
  }
}

/** Adds git, as full Node images have it. */
async function addGit(rootfs: string): Promise<void> {
  const git = await realpath(requireTool('git'));
  const { stdout } = await exec(git, ['--exec-path']);
  const helpers = stdout.trim();
  await mkdir(join(rootfs, helpers), { recursive: true });
  await cp(git, join(rootfs, 'usr/bin/git'));
  for (const name of ['git-remote-http', 'git-remote-https']) {
    await cp(await realpath(join(helpers, name)), join(rootfs, helpers, name));
  }
  const ssh = await Promise.all(['ssh', 'ssh-keygen'].map((name) => realpath(requireTool(name))));
  for (const program of ssh) await cp(program, join(rootfs, 'usr/bin', basename(program)));
  for (const program of [git, join(helpers, 'git-remote-http'), ...ssh])
    await addSharedLibraries({ program, rootfs });
}

export async function addBusybox(rootfs: string): Promise<void> {
  const busybox = requireTool('busybox');
  await cp(await realpath(busybox), join(rootfs, 'bin/busybox'));
  const { stdout } = await exec(busybox, ['--list']);
  for (const applet of stdout.split('\n')) {
    if (applet !== '' && applet !== 'busybox') await symlink('busybox', join(rootfs, 'bin', applet));
  }
  await symlink('../../bin/busybox', join(rootfs, 'usr/bin/env'));
}

/** Returns this machine's npm configuration as one file: its registry, and the certificates that it trusts. */
export async function npmConfig(): Promise<string> {
  const parts = await Promise.all(
    ['globalconfig', 'userconfig'].map(async (name) => {
      const { stdout } = await exec('npm', ['config', 'get', name]);
      return readFile(stdout.trim(), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '';
        throw error;
      });
    }),
  );
  return parts.join('\n');
}

export function requireTool(name: string): string {
  const path = findTool(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}
