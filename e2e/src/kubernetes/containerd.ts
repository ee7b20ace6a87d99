import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { kubernetesBin, type ProcessHandle, startProcess } from '@slipway/local';
import { requireTool } from '../images/stand-ins.js';
import type { Machine } from './machine.js';

/** Where the container runtime of the node is. */
export interface RuntimeAddress {
  readonly socket: string;
  /** The folder of the settings of registries. */
  readonly registries: string;
}

/** The images and containers of the node. */
export interface Runtime {
  /** Adds the images of an archive to the node. */
  importImages(archive: string): Promise<void>;
  /** Lets the node pull from a registry that speaks plain http. */
  trustRegistry(host: string): Promise<void>;
  /** Kills the processes of a container, as a lack of memory does. */
  kill(containerId: string): Promise<void>;
}

/** The image of the process that holds the namespaces of a pod. */
export const pauseImage = 'slipway.local/pause:1';

/** Starts the container runtime of a node, with runc. */
export async function startContainerd(
  options: Machine,
): Promise<ProcessHandle & { address: RuntimeAddress }> {
  const { folder: base, networkFolder } = options;
  const folder = join(base, 'containerd');
  const registries = join(folder, 'registries');
  await mkdir(registries, { recursive: true });
  const state = '/run/slipway-containerd';
  const socket = join(state, 'containerd.sock');
  const config = join(folder, 'config.toml');
  await writeFile(config, configuration({ folder, state, socket, registries, networkFolder }));
  const handle = await startProcess({
    name: 'containerd',
    command: requireTool('containerd'),
    args: ['--config', config],
    logFile: join(folder, 'containerd.log'),
    ready: () => ctr(socket, 'version').then(() => true),
  });
  return { ...handle, address: { socket, registries } };
}

export function createRuntime({ socket, registries }: RuntimeAddress): Runtime {
  return {
    async importImages(archive) {
      await ctr(socket, 'images', 'import', archive);
    },
    async trustRegistry(host) {
      await mkdir(join(registries, host), { recursive: true });
      await writeFile(join(registries, host, 'hosts.toml'), `[host."http://${host}"]\n`);
    },
    async kill(containerId) {
      await ctr(socket, 'tasks', 'kill', '--signal', 'SIGKILL', '--all', containerId);
    },
  };
}

async function ctr(socket: string, ...args: string[]): Promise<void> {
  const all = ['--address', socket, '--namespace', 'k8s.io', ...args];
  await promisify(execFile)(requireTool('ctr'), all, { maxBuffer: 16 * 1024 * 1024 });
}

interface Configuration {
  readonly folder: string;
  readonly state: string;
  readonly socket: string;
  readonly registries: string;
  readonly networkFolder: string;
}

function configuration({ folder, state, socket, registries, networkFolder }: Configuration): string {
  const runtime = '[plugins."io.containerd.grpc.v1.cri"';
  return [
    'version = 2',
    `root = "${join(folder, 'root')}"`,
    `state = "${state}"`,
    '[grpc]',
    `address = "${socket}"`,
    `${runtime}]`,
    `sandbox_image = "${pauseImage}"`,
    // Without CAP_SYS_RESOURCE the score of a container cannot go below that of containerd.
    'restrict_oom_score_adj = true',
    `${runtime}.containerd.runtimes.runc]`,
    'runtime_type = "io.containerd.runc.v2"',
    `${runtime}.containerd.runtimes.runc.options]`,
    'SystemdCgroup = false',
    `${runtime}.cni]`,
    `bin_dir = "${kubernetesBin}"`,
    `conf_dir = "${networkFolder}"`,
    `${runtime}.registry]`,
    `config_path = "${registries}"`,
    '',
  ].join('\n');
}
