import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from '@slipway/shared/processes';
import { unmountIn } from './mounts.js';
import { type ProcessHandle, startProcess } from './process.js';
import { requireTool } from './tools.js';

export interface BuildkitdOptions {
  /** Where its state and socket live. Keep it short: a socket's path holds at most 107 bytes. */
  readonly dir: string;
  /** `host[:port]` of the registries it may speak plain http with. */
  readonly insecureRegistries?: readonly string[];
  /** `host[:port]` that it asks first, in plain http, in place of a registry. */
  readonly mirrors?: Readonly<Record<string, string>>;
  /** Runs without root in a user namespace, and its steps see each other's processes, as in a pod whose /proc is masked. */
  readonly noProcessSandbox?: boolean;
  readonly logFile?: string;
  /** Aborting it while this gets ready ends it. */
  readonly signal?: AbortSignal;
}

export interface BuildkitdHandle extends ProcessHandle {
  /** `unix://…`, for `buildctl --addr`. */
  readonly address: string;
}

/** Build records hold the output of steps on disk, secrets included. Slipway never reads them, so buildkitd keeps none. */
const noHistory = '[history]\n  maxEntries = 0\n';

const inUserNamespace = ['unshare', '--user', '--map-root-user', '--mount'];

/** A BuildKit daemon with its own state, running its steps with runc; needs root. */
export async function startBuildkitd(options: BuildkitdOptions): Promise<BuildkitdHandle> {
  const { dir, insecureRegistries = [], mirrors = {} } = options;
  const buildctl = requireTool('buildctl');
  const command = requireTool('buildkitd');
  const temporary = join(dir, 'tmp');
  // A daemon that was killed leaves its mounts.
  unmountIn(dir);
  await mkdir(temporary, { recursive: true });
  const config = join(dir, 'buildkitd.toml');
  const plain = new Set([...insecureRegistries, ...Object.values(mirrors)]);
  const registries = [
    ...[...plain].map((host) => `[registry."${host}"]\n  http = true\n`),
    ...Object.entries(mirrors).map(([host, mirror]) => `[registry."${host}"]\n  mirrors = ["${mirror}"]\n`),
  ];
  await writeFile(config, [noHistory, ...registries].join(''));
  const address = `unix://${join(dir, 'buildkitd.sock')}`;
  const [program, ...first] = options.noProcessSandbox
    ? [...inUserNamespace, command, '--rootless', '--oci-worker-no-process-sandbox']
    : [command];
  const handle = await startProcess({
    name: 'buildkitd',
    command: program as string,
    args: [
      ...first,
      ...['--root', join(dir, 'root'), '--addr', address, '--config', config],
      // Its default lies in a folder that all daemons of the machine share.
      ...['--otel-socket-path', join(dir, 'otel.sock')],
      ...['--oci-worker=true', '--containerd-worker=false', `--oci-worker-binary=${requireTool('runc')}`],
    ],
    // buildkitd leaves mount points in its temporary folder.
    env: { ...process.env, TMPDIR: temporary },
    ready: () => buildkitAnswers({ buildctl, address }),
    ...(options.logFile && { logFile: options.logFile }),
    ...(options.signal && { signal: options.signal }),
  });
  const stop: ProcessHandle['stop'] = async (stopping) => {
    await handle.stop(stopping);
    unmountIn(dir);
  };
  return { ...handle, stop, address };
}

interface Probe {
  /** The path of the program. */
  readonly buildctl: string;
  /** Default: BUILDKIT_HOST, else where BuildKit listens by default. */
  readonly address?: string;
}

/** Returns true if a BuildKit daemon can build. */
export async function buildkitAnswers({ buildctl, address }: Probe): Promise<boolean> {
  try {
    const { code } = await runChild({
      command: buildctl,
      args: [...(address === undefined ? [] : ['--addr', address]), 'debug', 'workers'],
      env: process.env,
      signal: AbortSignal.timeout(5_000),
      killGraceMs: 0,
    });
    return code === 0;
  } catch {
    return false;
  }
}
