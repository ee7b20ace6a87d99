import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnv } from '@slipway/shared/config';
import { describe, expect, it } from 'vitest';
import { gitProcesses, refusal, useGit } from '../testing/git-sources.js';
import { gitConfig } from './config.js';

const { cleanups, serve, setUp } = useGit();

describe('a private repository', () => {
  const password = 'hunter2-secret';
  const authorization = `Basic ${Buffer.from(`robot:${password}`).toString('base64')}`;
  const withCredentials = (host: string, entry: object) => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-git-credentials-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'credentials.json');
    writeFileSync(path, JSON.stringify({ [host]: entry }));
    return { GIT_CREDENTIALS_FILE: path };
  };

  it('is fetched with the credential of its host, which stays secret', async () => {
    const server = await serve({ authorization });
    const repository = server.repository('private');
    repository.commit({ Dockerfile: 'FROM a\n' });
    const { git, log, workDir } = await setUp(withCredentials(server.host, { username: 'robot', password }));
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.hold(held);
    const taking = git.take({ url: repository.url });
    await expect.poll(() => gitProcesses(workDir).length).toBeGreaterThan(1);
    const running = gitProcesses(workDir).join();
    release();
    const taken = await taking;
    expect(running).toContain(repository.url);
    for (const said of [running, log.join(''), JSON.stringify(taken)]) {
      for (const secret of [password, authorization.slice('Basic '.length)])
        expect(said).not.toContain(secret);
    }
  });

  it('is refused without a credential or with a wrong one, and other hosts never get the credential', async () => {
    const server = await serve({ authorization });
    const other = await serve();
    const repository = server.repository('private');
    repository.commit({ Dockerfile: 'FROM a\n' });
    const open = other.repository('open');
    open.commit({ Dockerfile: 'FROM a\n' });
    for (const env of [{}, withCredentials(server.host, { token: 'wrong-secret' })]) {
      const { git, log } = await setUp(env);
      const found = await refusal(git.take({ url: repository.url }));
      expect(found).toMatchObject({ code: 'git_unauthorized', path: '/source/git/url' });
      expect(JSON.stringify(found) + log.join('')).not.toContain('wrong-secret');
      await git.take({ url: open.url });
    }
    expect(other.requests.map((request) => request.authorization)).not.toContainEqual(expect.anything());
  });

  it.each([
    ['{"host": {"token": "hunter2"', 'does not name a file of JSON'],
    ['{"host": "hunter2"}', 'must name a file like'],
    ['["hunter2"]', 'must name a file like'],
  ])('an invalid file of credentials stops the start, and is not shown: %s', (text, reason) => {
    const { GIT_CREDENTIALS_FILE: path } = withCredentials('h', {});
    writeFileSync(path, text);
    let message = '';
    try {
      readEnv({ GIT_CREDENTIALS_FILE: path }, gitConfig);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(`GIT_CREDENTIALS_FILE ${reason}`);
    expect(message).not.toContain('hunter2');
  });
});
