import { type ChildProcess, spawn } from 'node:child_process';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import type { Secret } from '../config/index.js';
import type { GitConfig } from './config.js';

export interface GitCommand {
  readonly args: readonly string[];
  /** A folder of its own, outside any repository. */
  readonly cwd: string;
  readonly config: Pick<GitConfig, 'allowedSchemes' | 'environment' | 'memoryBytes' | 'asUser'>;
  /** Where the credential may be sent, and what it is; git sends it nowhere else. */
  readonly credential?: { readonly origin: string; readonly header: Secret } | undefined;
  /** What libcurl is told of the server's addresses. */
  readonly resolve?: string | undefined;
  /** What git starts to speak to a server over ssh. */
  readonly ssh?: string | undefined;
  /** Kills git and all that it has started. */
  readonly signal: AbortSignal;
}

export interface GitExit {
  /** Null when it was killed. */
  readonly code: number | null;
  /** The beginning of what it said on stderr. It may hold secrets: match it, and show nothing of it. */
  readonly stderr: string;
}

export interface RunningGit {
  readonly stdout: Readable;
  /** Rejects with the signal's reason when it was killed for that, or when there is no git. */
  readonly ended: Promise<GitExit>;
}

const keptBytes = 16 * 1024;

/** What git is to keep to, whatever the machine is set up to do. */
const settings: readonly (readonly [string, string])[] = [
  ['http.followRedirects', 'false'],
  ['transfer.fsckObjects', 'true'],
  // Old repositories have these, and they harm nobody.
  ['fetch.fsck.zeroPaddedFilemode', 'ignore'],
  ['fetch.fsck.missingSpaceBeforeDate', 'ignore'],
  ['fetch.fsck.badTimezone', 'ignore'],
  ['fetch.fsck.missingNameBeforeEmail', 'ignore'],
  // One pack, whose growth can be watched; and large files are streamed instead of held in memory.
  ['fetch.unpackLimit', '1'],
  ['core.bigFileThreshold', '16m'],
  // These fit into the memory limit, whose smallest value is 64 MiB; by default git maps a gigabyte at a time.
  ['core.packedGitWindowSize', '4m'],
  ['core.packedGitLimit', '16m'],
  ['core.deltaBaseCacheLimit', '8m'],
  ['pack.threads', '1'],
  ['pack.windowMemory', '16m'],
  ['core.hooksPath', '/dev/null'],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['protocol.version', '2'],
];

/**
 * Sets a limit on the address space of git and of each process that git starts, then becomes git. Node.js cannot set limits itself. The limit fails
 * to change only where a lower one is in force, or on systems that have none.
 */
const limited = 'ulimit -v "$0" 2>/dev/null; exec git "$@"';

/**
 * Starts git as the leader of a process group, with bounded memory, without a terminal, hooks, submodules or anyone to ask, and without anybody's configuration but that
 * of the user it works for, if there is one.
 */
export function startGit({ args, cwd, config, credential, resolve, ssh, signal }: GitCommand): RunningGit {
  signal.throwIfAborted();
  const { memoryBytes } = config;
  const limit = memoryBytes === undefined ? 'unlimited' : String(Math.floor(memoryBytes / 1024));
  const child = spawn('/bin/sh', ['-c', limited, limit, ...args], {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment({ cwd, config, credential, resolve, ssh }),
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < keptBytes) stderr += chunk.toString('latin1');
  });
  const kill = () => killGroup(child);
  signal.addEventListener('abort', kill, { once: true });
  // A process that is killed itself cannot see to it; git ends then as its pipes break.
  process.once('exit', kill);
  const ended = new Promise<GitExit>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (signal.aborted) reject(signal.reason);
      else resolve({ code, stderr });
    });
  }).finally(() => {
    signal.removeEventListener('abort', kill);
    process.off('exit', kill);
    kill();
  });
  // Whoever waits for it is told; until then the failure is no unhandled one.
  ended.catch(() => undefined);
  return { stdout: child.stdout, ended };
}

/** Runs git to its end. */
export async function runGit(command: GitCommand): Promise<GitExit & { stdout: string }> {
  const { stdout, ended } = startGit(command);
  stdout.setEncoding('utf8');
  let text = '';
  for await (const chunk of stdout) if (text.length < keptBytes) text += String(chunk);
  return { ...(await ended), stdout: text };
}

function environment({
  cwd,
  config,
  credential,
  resolve,
  ssh,
}: Omit<GitCommand, 'args' | 'signal'>): NodeJS.ProcessEnv {
  const all = [
    ...settings,
    ...(config.asUser ? [['http.followRedirects', 'initial'] as const] : []),
    ...(resolve === undefined ? [] : [['http.curloptResolve', resolve] as const]),
    // In the environment, which only this user can see, and not among the arguments, which anyone can.
    ...(credential
      ? [[`http.${credential.origin}/.extraHeader`, `Authorization: ${credential.header.reveal()}`] as const]
      : []),
  ];
  // What the user has set this way comes first, so that it does not replace what git is to keep to.
  const given = Number(config.environment.GIT_CONFIG_COUNT ?? 0);
  return {
    ...config.environment,
    ...(!config.asUser && {
      HOME: cwd,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
    }),
    LC_ALL: 'C',
    // Each arena reserves 64 MiB of address space, which counts against the limit.
    MALLOC_ARENA_MAX: '1',
    GIT_CEILING_DIRECTORIES: dirname(cwd),
    GIT_TERMINAL_PROMPT: '0',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_ALLOW_PROTOCOL:
      ssh === undefined ? (config.asUser?.protocols ?? config.allowedSchemes).join(':') : 'ssh',
    ...(ssh !== undefined && { GIT_SSH_COMMAND: ssh, GIT_SSH_VARIANT: 'ssh' }),
    GIT_CONFIG_COUNT: String(given + all.length),
    ...Object.fromEntries(
      all.flatMap(([key, value], at) => [
        [`GIT_CONFIG_KEY_${given + at}`, key],
        [`GIT_CONFIG_VALUE_${given + at}`, value],
      ]),
    ),
  };
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
