import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findTool, type ProcessExit, type ProcessHandle, startProcess } from '@slipway/local';
import { bytes, type ComposeService } from '../compose/model.js';
import type { ImageConfig } from './pulled-image.js';

interface ContainerOptions {
  readonly name: string;
  /** An empty folder for the files of this container. */
  readonly folder: string;
  readonly rootfs: string;
  readonly config: ImageConfig;
  /** Its user, read-only root, temporary file systems, capabilities, limits and environment are applied. */
  readonly service: ComposeService;
  /** Variables besides those of the image and the service. */
  readonly env: Readonly<Record<string, string>>;
  /** The mounts of the container. A `volume` that is empty gets the owner that its path has in the image. */
  readonly mounts: readonly { readonly source: string; readonly target: string; readonly volume?: boolean }[];
  readonly ready: () => Promise<boolean>;
}

export interface Container {
  readonly process: ProcessHandle;
  /** The user and group that its first process runs as, as the host's kernel sees them. */
  user(): Promise<{ uid: number; gid: number }>;
  /** Returns the container's memory limit in the kernel, in bytes. */
  memoryLimit(): Promise<number>;
  /** Runs a command inside; rejects unless it ends with 0. */
  exec(command: readonly string[]): Promise<string>;
  /** Sends SIGTERM to the first process, removes the container, and resolves to the process's exit. */
  stop(): Promise<ProcessExit>;
}

/** Runs an image as a container engine does with a compose service, by runc, on the host's network. */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const runc = findTool('runc');
  if (runc === undefined) throw new Error('runc is not installed');
  const { name, folder, config, ready } = options;
  const id = `slipway-${name}-${randomUUID()}`;
  for (const { source, target, volume } of options.mounts) {
    if (!volume) continue;
    await mkdir(source, { recursive: true });
    const { uid, gid } = await stat(join(options.rootfs, target));
    await chown(source, uid, gid);
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify(runtimeConfig(options)));
  const remove = () => promisify(execFile)(runc, ['delete', '--force', id]);
  const pidFile = join(folder, 'pid');
  const handle = await startProcess({
    name,
    command: runc,
    args: ['run', '--bundle', folder, '--pid-file', pidFile, id],
    ready,
  }).catch(async (error) => {
    await remove();
    throw error;
  });
  const userId = (options.service.user ?? config.User).split(':')[0] ?? '';
  return {
    process: handle,
    async user() {
      const status = await readFile(`/proc/${(await readFile(pidFile, 'utf8')).trim()}/status`, 'utf8');
      const first = (key: string) => Number(status.match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'))?.[1]);
      return { uid: first('Uid'), gid: first('Gid') };
    },
    async memoryLimit() {
      const groups = await readFile(`/proc/${(await readFile(pidFile, 'utf8')).trim()}/cgroup`, 'utf8');
      const [, old] = groups.match(/^\d+:memory:(.*)$/m) ?? [];
      const [, unified] = groups.match(/^0::(.*)$/m) ?? [];
      const file = old
        ? join('/sys/fs/cgroup/memory', old, 'memory.limit_in_bytes')
        : join('/sys/fs/cgroup', unified ?? '', 'memory.max');
      return Number(await readFile(file, 'utf8'));
    },
    async exec(command) {
      const { stdout } = await promisify(execFile)(runc, ['exec', '--user', userId, id, ...command]);
      return stdout;
    },
    async stop() {
      await handle.stop({ graceMs: 30_000 });
      await remove();
      return handle.exited;
    },
  };
}

/** An OCI runtime configuration (runtime-spec, config.md) for a container without network or user namespace. */
function runtimeConfig({ config, service, env, rootfs, mounts }: ContainerOptions): unknown {
  const [uid = 0, gid = 0] = (service.user ?? config.User).split(':').map(Number);
  const environment = { ...service.environment, ...env, ...marker() };
  const capabilities = service.cap_drop?.includes('ALL') ? [] : undefined;
  const bind = (source: string, destination: string, mode: 'ro' | 'rw') => ({
    type: 'bind',
    source,
    destination,
    options: ['rbind', mode],
  });
  const tmpfs = (destination: string, options: readonly string[]) => ({
    type: 'tmpfs',
    source: 'tmpfs',
    destination,
    options: ['nosuid', ...options],
  });
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid, gid },
      cwd: config.WorkingDir,
      args: [...config.Entrypoint, ...(service.command ?? config.Cmd ?? [])],
      env: [...config.Env, ...Object.entries(environment).map(([key, value]) => `${key}=${value}`)],
      noNewPrivileges: service.security_opt?.includes('no-new-privileges:true') ?? false,
      ...(capabilities && {
        capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      }),
    },
    root: { path: rootfs, readonly: service.read_only ?? false },
    mounts: [
      { type: 'proc', source: 'proc', destination: '/proc' },
      tmpfs('/dev', ['strictatime', 'mode=755', 'size=65536k']),
      tmpfs('/dev/shm', ['mode=1777', 'size=65536k']),
      bind('/etc/resolv.conf', '/etc/resolv.conf', 'ro'),
      bind('/etc/hosts', '/etc/hosts', 'ro'),
      ...(service.tmpfs ?? []).map((entry) => {
        const [path = '', options = 'mode=1777'] = entry.split(':');
        return tmpfs(path, options.split(','));
      }),
      ...mounts.map(({ source, target, volume }) => bind(source, target, volume ? 'rw' : 'ro')),
    ],
    linux: {
      namespaces: ['mount', 'pid', 'ipc', 'uts'].map((type) => ({ type })),
      resources: {
        ...(service.mem_limit && { memory: { limit: bytes(service.mem_limit) } }),
        ...(service.pids_limit && { pids: { limit: service.pids_limit } }),
      },
    },
  };
}

/** A mark by which the test runner finds leftover processes; see scripts/test.mjs. */
function marker(): Record<string, string> {
  const { SLIPWAY_TEST_RUN: value } = process.env;
  return value === undefined ? {} : { SLIPWAY_TEST_RUN: value };
}
