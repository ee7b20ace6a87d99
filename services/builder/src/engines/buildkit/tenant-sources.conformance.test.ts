import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, startProcess, temporaryFolder } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { isTested } from '../../testing/engines.js';
import { startTenantBuilds, type TenantBuilds } from '../../testing/tenant-builds.js';

/** A git server of this machine with one repository of one commit. */
async function startGit(name: string) {
  const folder = await temporaryFolder();
  const repository = join(folder.path, name);
  mkdirSync(repository);
  const time = '2026-01-01T00:00:00Z';
  const who = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_AUTHOR_DATE: time };
  const env = {
    ...process.env,
    ...who,
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b',
    GIT_COMMITTER_DATE: time,
  };
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', repository, ...args], { env })
      .toString()
      .trim();
  git('init', '--quiet');
  writeFileSync(join(repository, 'file'), 'content of the repository\n');
  git('add', 'file');
  git('commit', '--quiet', '-m', 'one');
  const port = await freePort();
  const server = await startProcess({
    name: 'git daemon',
    command: 'git',
    args: ['daemon', '--listen=127.0.0.1', `--port=${port}`, `--base-path=${folder.path}`, '--export-all'],
    ready: () => listens(port),
  });
  onTestFinished(async () => {
    await server.stop();
    await folder.remove();
  });
  return { url: `git://127.0.0.1:${port}/${name}/.git`, commit: git('rev-parse', 'HEAD') };
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(() => resolve(true)));
    socket.on('error', () => resolve(false));
  });

/** BuildKit finds a fetched git source by its commit alone, for any tenant and any URL. */
describe.runIf(isTested('buildkit'))('what a Dockerfile of a tenant fetches', () => {
  let builds: TenantBuilds;
  beforeAll(async () => {
    builds = await startTenantBuilds('buildkit');
  });
  afterAll(() => builds?.stop());

  test('brings no settings of git, which may be of a repository that another tenant named', async () => {
    const evil = await startGit('evil');
    const good = await startGit('good');
    expect(good.commit).toBe(evil.commit);
    const add = ({ url, commit }: typeof evil) => `ADD --keep-git-dir=true ${url}#${commit} /source\n`;
    const refused = { code: 'source_not_allowed', error: expect.stringContaining('.git') };
    expect(await builds.failure({ tenant: 'one', steps: add(evil) })).toEqual(refused);
    const inArguments = `ARG FROM\nADD --keep-git-dir $FROM /source\n`;
    const args = { FROM: `${evil.url}#${evil.commit}` };
    expect(await builds.failure({ tenant: 'one', steps: inArguments, args })).toEqual(refused);
    const inUrl = `ADD ${evil.url}?ref=master&keep-git-dir=true /source\n`;
    expect(await builds.failure({ tenant: 'one', steps: inUrl })).toMatchObject({
      code: 'source_not_allowed',
    });
    const own = await builds.build({ tenant: 'default', steps: add(good) });
    expect(own.content).toContain(`url = ${good.url}`);
    expect(own.content).not.toContain(evil.url);
    const plain = await builds.build({ tenant: 'one', steps: `ADD ${evil.url}#${evil.commit} /source\n` });
    expect(plain.content).toContain('content of the repository');
  });

  test.each([
    `git.example/private.git#${'a'.repeat(40)}`,
    'files.example/private.tar',
    'git.example/private.git?ref=main',
  ])('is of no URL with credentials: %s', async (path) => {
    for (const credentials of ['user:password', 'token']) {
      const steps = `ADD https://${credentials}@${path} /source\n`;
      const { code, error } = await builds.failure({ tenant: 'one', steps });
      expect(code, error).toBe('source_not_allowed');
      expect(error).not.toContain('password');
    }
  });
});
