import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { openBlobStore } from '@slipway/shared/blobs';
import { readEnv } from '@slipway/shared/config';
import type { GitSource } from '@slipway/shared/contracts';
import { parseAllowlist } from '@slipway/shared/egress';
import { type GitServer, startGitServer } from '@slipway/shared/git/testing';
import { createLogger } from '@slipway/shared/logger';
import { redisKeys } from '@slipway/shared/redis';
import { createSourceStore, SourceOwners } from '@slipway/source';
import { Redis } from 'ioredis';
import { afterEach, inject } from 'vitest';
import { gitConfig } from '../git/config.js';
import { type GitHeads, GitSources } from '../git/git-sources.js';
import type { Account } from '../tenants/account.js';

let prefixes = 0;

/** Gives the tests of a file git servers and git sources. They end after the test. */
export function useGit() {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of cleanups.splice(0).reverse()) await step();
  });

  async function serve(options?: { authorization?: string }): Promise<GitServer> {
    const server = await startGitServer(options);
    cleanups.push(() => server.stop());
    return server;
  }

  async function setUp(env: Record<string, string> = {}, maxBytes = 4 * 1024 * 1024, allow = '127.0.0.1') {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-git-test-'));
    const blobs = await openBlobStore(`file://${folder}/blobs`);
    const limits = { maxArchiveBytes: maxBytes, maxBytes, maxFiles: 100, maxRatio: 200 };
    const sources = createSourceStore({ blobs, limits });
    const redis = new Redis(inject('redisUrl'));
    const log: string[] = [];
    const workDir = join(folder, 'work');
    const config = readEnv(
      { PATH: process.env.PATH, GIT_ALLOWED_SCHEMES: 'http', GIT_WORK_DIR: workDir, ...env },
      gitConfig,
    );
    const keys = redisKeys(`git-test-${process.pid}-${++prefixes}`);
    const all = new GitSources({
      sources,
      owners: new SourceOwners({ redis, keys }),
      redis,
      keys,
      config,
      egressAllow: parseAllowlist(allow),
      maxBytes,
      logger: createLogger({
        name: 'test',
        level: 'trace',
        destination: new Writable({
          write(chunk, _encoding, done) {
            log.push(String(chunk));
            done();
          },
        }),
      }),
    });
    const tenant = {
      name: 'default',
      weight: 1,
      settings: { highest_priority: 'high', limits: {} },
    } as Account;
    const git = {
      take: (source: GitSource, heads?: GitHeads) => all.take(source, tenant, heads),
      close: () => all.close(),
      sweep: () => all.sweep(),
    };
    cleanups.push(async () => {
      await git.close();
      redis.disconnect();
      rmSync(folder, { recursive: true, force: true });
    });
    return {
      git,
      redis,
      keys,
      sources,
      log,
      workDir,
      folder,
      /** Returns the files of a source, path to text; a link as `-> target`. */
      async files(source: GitSource): Promise<Record<string, string>> {
        const { digest } = await git.take(source);
        const tar = await sources.streamTar(digest);
        const out = mkdtempSync(join(folder, 'out-'));
        const archive = join(out, 'tar');
        writeFileSync(archive, Buffer.concat((await tar?.toArray()) ?? []));
        const listed = execFileSync('tar', ['-tvf', archive], { encoding: 'utf8' });
        const paths = listed
          .trim()
          .split('\n')
          .filter((line) => !line.startsWith('d'));
        return Object.fromEntries(
          paths.map((line) => {
            const [, name = '', target] = /\d\d:\d\d (.*?)(?: -> (.*))?$/.exec(line) ?? [];
            if (target !== undefined) return [name, `-> ${target}`];
            return [name, execFileSync('tar', ['-xOf', archive, name], { encoding: 'latin1' })];
          }),
        );
      },
    };
  }

  return { cleanups, serve, setUp };
}

/** Returns the refusal that `work` ends with. */
export const refusal = async (work: Promise<unknown>) => {
  try {
    await work;
  } catch (error) {
    const { code, message, errors } = error as { code: string; message: string; errors?: { path: string }[] };
    return { code, message, path: errors?.[0]?.path };
  }
  throw new Error('it was not refused');
};

/** Returns the command lines of all processes that work in a folder below this one. */
export function gitProcesses(folder: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      if (!/^\d+$/.test(pid) || !readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)) return [];
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
    } catch {
      // The process has ended in the meantime.
      return [];
    }
  });
}
