import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, temporaryFolder } from '@slipway/local';
import { startGitServer, startSshServer } from '@slipway/shared/git/testing';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { serve } from '../testing/command-line.js';
import { startProject, store } from './testing/project.js';

let project: Awaited<ReturnType<typeof startProject>>;
beforeEach(async () => {
  project = await startProject();
});

describe('a source of configuration.templates', () => {
  test('provides the named template, as committed and with the note of faas-cli', async () => {
    const { url, first } = project.repository('one', { node: 'FROM one\n', go: 'FROM two\n' });
    await project.pull({ node: url });
    expect(project.names()).toEqual(['node']);
    expect(project.at('node/Dockerfile')).toBe('FROM one\n');
    expect(statSync(join(project.folder, 'template/node/run.sh')).mode & 0o111).not.toBe(0);
    expect(statSync(join(project.folder, 'template/node/Dockerfile')).mode & 0o111).toBe(0);
    expect(project.noteOf('node')).toEqual({
      repository: url,
      sha: first,
      written_at: expect.stringMatching(/Z$/),
    });
    expect(project.lines).toEqual([`fetching ${url}`, `template node at ${first.slice(0, 7)}`]);
  });

  test.each([
    ['a tag', '1.0'],
    ['a branch with a slash', 'feature/a'],
    ['a commit by its beginning', 'sha-'],
    ['a whole commit', 'sha-whole'],
    ['a commit in upper case', 'sha-UPPER'],
  ])('at %s', async (_, ref) => {
    const made = project.repository('one', { node: 'FROM one\n' });
    made.push('refs/tags/1.0');
    made.push('refs/heads/feature/a');
    made.commit({ 'template/node/Dockerfile': 'FROM later\n' });
    // A branch named like the beginning of the commit is not the commit.
    made.push(`refs/heads/${made.first.slice(0, 9)}`);
    const text: Record<string, string> = {
      'sha-': `sha-${made.first.slice(0, 9)}`,
      'sha-whole': `sha-${made.first}`,
      'sha-UPPER': `sha-${made.first.slice(0, 12).toUpperCase()}`,
    };
    const wanted = text[ref] ?? ref;
    await project.pull({ 'node@pinned/to': `${made.url}#${wanted}` });
    expect(project.at('node@pinned/to/Dockerfile')).toBe('FROM one\n');
    expect(project.noteOf('node@pinned/to')).toMatchObject({
      repository: made.url,
      ref_name: wanted,
      sha: made.first,
    });
  });

  test('is fetched once for several templates, and existing templates stay', async () => {
    const { url } = project.repository('one', { node: 'FROM node\n', go: 'FROM go\n' });
    mkdirSync(join(project.folder, 'template/mine'), { recursive: true });
    await project.pull({ node: url, go: url, 'node@x': url });
    expect(project.names()).toEqual(['go', 'mine', 'node', 'node@x']);
    expect(project.server.requests.filter(({ path }) => path.includes('info/refs'))).toHaveLength(2);
  });

  test('may be a repository of this machine, unlike a source in the list of a store', async () => {
    const made = project.repository('one', { node: 'FROM one\n' });
    made.git('tag', 'v1');
    await project.pull({
      node: made.folder,
      'node@v1': `${made.folder}#v1`,
      'node@f': `file://${made.folder}`,
    });
    expect(project.names()).toEqual(['node', 'node@f', 'node@v1']);
    for (const repo of [made.folder, `file://${made.folder}`, 'ext::sh', 'git://127.0.0.1/x']) {
      const { storeUrl } = await store([{ template: 'py', repo }]);
      await expect(project.pull({ py: undefined }, { storeUrl })).rejects.toMatchObject({
        message: expect.stringContaining('does not begin with https://'),
        exitCode: 2,
      });
    }
  });

  test('is fetched with the credentials of the user, without showing them in a note, line or error', async () => {
    const closed = await startGitServer({ authorization: `Basic ${btoa('robot:hunter2')}` });
    onTestFinished(() => closed.stop());
    const made = closed.repository('private');
    made.commit({ 'template/node/template.yml': '', 'template/node/Dockerfile': 'FROM x\n' });
    await expect(project.pull({ node: made.url })).rejects.toMatchObject({
      message: `the template 'node' of the function 'node-fn' cannot be fetched from ${made.url}: git has no credentials for it, or wrong ones`,
      remedy: expect.stringContaining('git ls-remote'),
    });
    const home = await temporaryFolder();
    onTestFinished(() => home.remove());
    writeFileSync(
      join(home.path, '.gitconfig'),
      `[credential]\n\thelper = "!f() { echo username=robot; echo password=hunter2; }; f"\n`,
    );
    await project.pull({ node: made.url }, { env: { PATH: process.env.PATH, HOME: home.path } });
    // Credentials as in CI: in the environment, and in the URL.
    const inEnvironment = {
      ...{
        PATH: process.env.PATH,
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: `http.${closed.url}/.extraHeader`,
      },
      GIT_CONFIG_VALUE_0: `Authorization: Basic ${btoa('robot:hunter2')}`,
    };
    await project.pull({ 'node@env': made.url }, { env: inEnvironment });
    await project.pull({ 'node@url': made.url.replace('://', '://robot:hunter2@') });
    expect(project.noteOf('node@url').repository).toBe(made.url);
    await expect(project.pull({ go: made.url.replace('://', '://robot:hunter2@') })).rejects.toThrow(
      `is not in ${made.url}, which has the templates node`,
    );
    expect(project.lines.join()).not.toContain('hunter2');
  });

  test('is fetched over ssh with the keys and the ssh configuration of the user', async () => {
    const ssh = await startSshServer();
    onTestFinished(() => ssh.stop());
    const made = ssh.repository('acme/templates');
    const commit = made.commit({ 'template/node/template.yml': '', 'template/node/Dockerfile': 'FROM x\n' });
    const [address, port] = ssh.host.split(':');
    const file = (name: string) => join(project.folder, name);
    const configure = (key: string, hostKey: string) => {
      writeFileSync(file('known_hosts'), hostKey === '' ? '' : `[${address}]:${port} ${hostKey}\n`);
      writeFileSync(
        file('config'),
        `Host templates\n  HostName ${address}\n  Port ${port}\nHost *\n  IdentityFile ${key}\n  IdentitiesOnly yes\n` +
          `  IdentityAgent none\n  UserKnownHostsFile ${file('known_hosts')}\n  GlobalKnownHostsFile none\n`,
      );
    };
    const env = { PATH: process.env.PATH, HOME: project.folder, GIT_SSH_COMMAND: `ssh -F ${file('config')}` };
    const short = `${ssh.user}@templates:acme/templates.git`;
    configure(ssh.key(), ssh.hostKey);
    await project.pull(
      { node: made.url, 'node@short': `${short}#main`, 'node@sha': `${short}#sha-${commit.slice(0, 7)}` },
      { env },
    );
    expect(project.names()).toEqual(['node', 'node@sha', 'node@short']);
    expect([project.noteOf('node').repository, project.noteOf('node@short').repository]).toEqual([
      made.url,
      short,
    ]);
    for (const key of [ssh.strangeKey(), ssh.strangeKey({ passphrase: 'long enough' })]) {
      configure(key, ssh.hostKey);
      await expect(project.pull({ go: short }, { env })).rejects.toThrow(
        'git has no credentials for it, or wrong ones',
      );
    }
    configure(ssh.key(), '');
    await expect(project.pull({ go: short }, { env })).rejects.toMatchObject({
      message: expect.stringContaining('ssh does not know the host key that the server shows'),
      remedy: expect.stringContaining('known_hosts'),
    });
  });

  test('is fetched inside of a hook of git, and runs no hook itself', async () => {
    const { url } = project.repository('one', { node: 'FROM one\n' });
    const hooks = join(project.folder, 'hooks');
    mkdirSync(hooks);
    for (const name of ['reference-transaction', 'post-checkout', 'post-index-change']) {
      writeFileSync(join(hooks, name), `#!/bin/sh\ntouch ${project.folder}/ran\n`, { mode: 0o755 });
    }
    writeFileSync(join(project.folder, '.gitconfig'), `[core]\n\thooksPath = ${hooks}\n`);
    execFileSync('git', ['init', '--quiet', join(project.folder, 'own')]);
    await project.pull(
      { node: url },
      {
        env: {
          PATH: process.env.PATH,
          HOME: project.folder,
          GIT_DIR: join(project.folder, 'own/.git'),
          GIT_INDEX_FILE: '/no/such',
        },
      },
    );
    expect(existsSync(join(project.folder, 'ran'))).toBe(false);
    expect(project.names()).toEqual(['node']);
  });
});

describe('the template store', () => {
  test('provides all templates of a repository, with the pinned ref of the name', async () => {
    const made = project.repository('official', {
      node: 'FROM one\n',
      go: 'FROM two\n',
      'go-http': 'FROM three\n',
    });
    made.push('refs/tags/1.0');
    made.commit({ 'template/node/Dockerfile': 'FROM later\n' });
    const { storeUrl, asked } = await store([
      { template: 'node', repo: 'https://arm.example', official: 'true', platform: 'armhf' },
      { template: 'node', repo: made.url, official: 'true', recommended: true, platform: 'x86_64' },
      { template: 'go', repo: made.url },
      { template: 'broken' },
      7,
    ]);
    mkdirSync(join(project.folder, 'template/go@1.0'), { recursive: true });
    const withPassword = storeUrl.replace('://', '://me:p%40ss@');
    await project.pull({ 'node@1.0': undefined, node: undefined, go: undefined }, { storeUrl: withPassword });
    expect(project.names()).toEqual(['go', 'go-http', 'go-http@1.0', 'go@1.0', 'node', 'node@1.0']);
    expect([project.at('node/Dockerfile'), project.at('node@1.0/Dockerfile')]).toEqual([
      'FROM later\n',
      'FROM one\n',
    ]);
    expect(readdirSync(join(project.folder, 'template/go@1.0'))).toEqual([]);
    expect(project.noteOf('go-http@1.0')).toMatchObject({
      repository: made.url,
      ref_name: '1.0',
      sha: made.first,
    });
    expect(asked.map(({ token }) => token)).toEqual([`Basic ${btoa('me:p@ss')}`]);
    expect(project.lines).toContain('template also go-http@1.0');
  });

  test.each([
    [
      'has no such template',
      200,
      '[{"template":"nodejs","repo":"https://x.example"}]',
      /'nod' .* is neither in .\/template .* nor in the template store http/,
    ],
    ['answers with an error', 503, 'busy', /answers with 503/],
    ['answers with no list', 200, '{"a":1}', /does not answer with a JSON list/],
    ['answers with a page', 200, '<html>', /does not answer with a JSON list/],
    ['answers without end', 200, undefined, /answers with more than 4194304 bytes/],
  ])('that %s is named in the error', async (_, status, body, message) => {
    const { url } = await serve({
      'GET /s': (res) => {
        res.writeHead(status);
        if (body !== undefined) return res.end(body);
        const more = (): unknown =>
          res.writable && (res.write('x'.repeat(65_536)) ? setImmediate(more) : res.once('drain', more));
        return more();
      },
    });
    await expect(project.pull({ nod: undefined }, { storeUrl: `${url}/s` })).rejects.toMatchObject({
      name: 'CommandError',
      message: expect.stringMatching(message),
    });
    expect(existsSync(join(project.folder, 'template'))).toBe(false);
  });

  test('that cannot be reached, or is not a URL, is named without its credentials', async () => {
    await expect(
      project.pull({ node: undefined }, { storeUrl: `http://a:b@127.0.0.1:${await freePort()}/x` }),
    ).rejects.toThrow(/^the template store http:\/\/127\.0\.0\.1:\d+\/x cannot be reached: .*ECONNREFUSED/);
    await expect(project.pull({ node: undefined }, { storeUrl: 'file:///etc/passwd' })).rejects.toThrow(
      'no http or https URL',
    );
  });
});
