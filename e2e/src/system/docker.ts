import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ProcessHandle, startProcess } from '@slipway/local';
import { requireTool } from '../images/stand-ins.js';

export interface Docker {
  readonly process: ProcessHandle;
  /** Runs `docker ARGUMENTS`. Resolves to its standard output; rejects with its standard error. */
  run(...args: string[]): Promise<string>;
  /** Imports a folder as an image. */
  importFolder(options: { rootfs: string; image: string; changes: readonly string[] }): Promise<void>;
  /** Runs `docker-compose ARGUMENTS` in a folder with a compose file. Resolves to its output; rejects with it. */
  compose(options: { folder: string; args: readonly string[]; env?: NodeJS.ProcessEnv }): Promise<string>;
}

/**
 * Starts a Docker engine with its data in an empty folder, its sockets in /run, its containers' control groups below `cgroup`.
 * The engine changes the network of its namespace.
 */
export async function startDocker(options: {
  folder: string;
  cgroup: string;
  logFile: string;
}): Promise<Docker> {
  const runtime = '/run/slipway-docker';
  await mkdir(runtime, { recursive: true });
  const env = { ...process.env, DOCKER_HOST: `unix://${runtime}/docker.sock` };
  const docker = requireTool('docker');
  const maxBuffer = 64 * 1024 * 1024;
  const run = async (...args: string[]) =>
    (await promisify(execFile)(docker, args, { env, maxBuffer })).stdout.trim();
  const handle = await startProcess({
    name: 'dockerd',
    command: requireTool('dockerd'),
    args: [
      ...['--data-root', options.folder, '--exec-root', join(runtime, 'exec'), '--pidfile', `${runtime}/pid`],
      ...['--host', env.DOCKER_HOST, '--storage-driver', 'overlay2', '--cgroup-parent', options.cgroup],
    ],
    logFile: options.logFile,
    ready: () =>
      run('version').then(
        () => true,
        () => false,
      ),
  });
  return {
    process: handle,
    run,
    async importFolder({ rootfs, image, changes }) {
      const tar = spawn(
        'tar',
        ['--create', '--xattrs', '--xattrs-include=security.capability', `--directory=${rootfs}`, '.'],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const flags = changes.flatMap((change) => ['--change', change]);
      const load = spawn(docker, ['import', ...flags, '-', image], {
        env,
        stdio: [tar.stdout, 'ignore', 'inherit'],
      });
      const [[packed], [imported]] = await Promise.all([once(tar, 'exit'), once(load, 'exit')]);
      if (packed !== 0 || imported !== 0) throw new Error(`docker import of ${image} failed`);
    },
    async compose({ folder, args, env: own }) {
      const compose = execFile(
        requireTool('docker-compose'),
        ['--ansi', 'never', '--progress', 'plain', ...args],
        {
          cwd: folder,
          env: { ...env, ...own },
          maxBuffer,
        },
      );
      let printed = '';
      for (const stream of [compose.stdout, compose.stderr])
        stream?.on('data', (text: string) => {
          printed += text;
        });
      const [code] = await once(compose, 'close');
      if (code !== 0) throw new Error(`docker compose ${args.join(' ')} ended with ${code}:\n${printed}`);
      return printed;
    },
  };
}
