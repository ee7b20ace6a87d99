import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import type { Secret } from '../config/index.js';
import { runForOutput, startChild } from '../processes/index.js';
import type { GitConfig } from './config.js';

export interface GitCommand {
  readonly args: readonly string[];
  /** An empty folder outside any repository. */
  readonly cwd: string;
  readonly config: Pick<GitConfig, 'allowedSchemes' | 'environment' | 'memoryBytes' | 'asUser'>;
  /** The credential and its only destination; git sends it nowhere else. */
  readonly credential?: { readonly origin: string; readonly header: Secret } | undefined;
  /** The checked addresses of the server, in the form of libcurl. */
  readonly resolve?: string | undefined;
  /** The command that git runs to reach a server over ssh. */
  readonly ssh?: string | undefined;
  /** Kills git and all its child processes. */
  readonly signal: AbortSignal;
}

export interface GitExit {
  /** Null when git was killed. */
  readonly code: number | null;
  /** The start of stderr. It may hold secrets: match it, but never show it. */
  readonly stderr: string;
}

export interface RunningGit {
  readonly stdout: Readable;
  /** Rejects with the signal's reason when git was killed for that, and with the error of the system when git is missing. */
  readonly ended: Promise<GitExit>;
}

const keptBytes = 16 * 1024;

/** Settings that git must keep, independent of the machine's configuration. */
const settings: readonly (readonly [string, string])[] = [
  ['http.followRedirects', 'false'],
  ['transfer.fsckObjects', 'true'],
  // Old repositories contain these, and they do no harm.
  ['fetch.fsck.zeroPaddedFilemode', 'ignore'],
  ['fetch.fsck.missingSpaceBeforeDate', 'ignore'],
  ['fetch.fsck.badTimezone', 'ignore'],
  ['fetch.fsck.missingNameBeforeEmail', 'ignore'],
  // Fetches one pack, so that its growth can be watched, and streams large files instead of holding them in memory.
  ['fetch.unpackLimit', '1'],
  ['core.bigFileThreshold', '16m'],
  // These fit the memory limit, whose smallest value is 64 MiB. By default git maps a gigabyte at a time.
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
 * Starts git as the leader of a process group, with bounded memory, and without a terminal, hooks, submodules or prompts. Git
 * reads only the configuration of the user that it works for, if there is one.
 */
export function startGit({ signal, ...command }: GitCommand): RunningGit {
  let stderr = '';
  const { stdout, ended } = startChild({
    ...childOf(command),
    signal,
    readsStdout: true,
    onStderr: (chunk) => {
      if (stderr.length < keptBytes) stderr += chunk.toString('latin1');
    },
  });
  const exit = ended.then(({ code }) => ({ code, stderr }));
  // The caller receives the error. Until then it must not count as an unhandled rejection.
  exit.catch(() => undefined);
  return { stdout, ended: exit };
}

/** Runs git until it ends. */
export async function runGit({ signal, ...command }: GitCommand): Promise<GitExit & { stdout: string }> {
  const { code, stdout, stderr } = await runForOutput({
    ...childOf(command),
    signal,
    maxOutputBytes: keptBytes,
  });
  return { code, stdout: stdout.toString('utf8'), stderr: stderr.toString('latin1') };
}

function childOf(command: Omit<GitCommand, 'signal'>) {
  const { args, cwd, config } = command;
  return {
    ...{ command: 'git', args, cwd, env: environment(command), memoryBytes: config.memoryBytes },
    // Git leaves nothing but the folder, which its caller removes.
    killGraceMs: 0,
  };
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
    // In the environment, which only this user can read, and not in the arguments, which anyone can.
    ...(credential
      ? [[`http.${credential.origin}/.extraHeader`, `Authorization: ${credential.header.reveal()}`] as const]
      : []),
  ];
  // The user's own settings of this kind come first, so that they do not replace the required ones.
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
