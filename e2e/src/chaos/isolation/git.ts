import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, startProcess, temporaryFolder } from '@slipway/local';
import { sh } from '../../context.js';

/** A git server of this machine, over the `git` protocol. */
export interface GitServer {
  /** `host:port`. */
  readonly host: string;
  readonly path: string;
  readonly commit: string;
  /** The content of the commit's one file. */
  readonly content: string;
  stop(): Promise<void>;
}

const identity = ['-c', 'user.name=someone', '-c', 'user.email=someone@example.test'];
const time = '2026-01-01T00:00:00Z';

/** A server of a repository of one commit, which is the same commit for the same content. */
export async function startGit(content: string): Promise<GitServer> {
  const folder = await temporaryFolder();
  const repository = join(folder.path, 'repository');
  mkdirSync(repository);
  writeFileSync(join(repository, 'file'), content);
  const git = (...args: string[]) =>
    sh('git', ['-C', repository, ...identity, ...args])
      .toString()
      .trim();
  git('init', '--quiet');
  git('add', 'file');
  sh('env', [
    `GIT_COMMITTER_DATE=${time}`,
    'git',
    '-C',
    repository,
    ...identity,
    'commit',
    '--quiet',
    `--date=${time}`,
    '-m',
    'one',
  ]);
  const port = await freePort();
  const server = await startProcess({
    name: 'git daemon',
    command: 'git',
    args: ['daemon', '--listen=127.0.0.1', `--port=${port}`, `--base-path=${folder.path}`, '--export-all'],
    ready: () => listens(port),
  });
  let stopped: Promise<void> | undefined;
  return {
    ...{ host: `127.0.0.1:${port}`, path: '/repository/.git', commit: git('rev-parse', 'HEAD'), content },
    stop() {
      stopped ??= server.stop().then(() => folder.remove());
      return stopped;
    },
  };
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(() => resolve(true)));
    socket.on('error', () => resolve(false));
  });
