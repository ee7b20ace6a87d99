import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createAuthority, freePort, temporaryFolder } from '@slipway/local';
import { type GitServer, startGitServer, startSshServer } from '@slipway/shared/git/testing';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { serve } from '../testing/command-line.js';
import { pullTemplates } from './pull-templates.js';

let server: GitServer;
let folder: string;
let lines: string[];
beforeEach(async () => {
  server = await startGitServer();
  onTestFinished(() => server.stop());
  const project = await temporaryFolder();
  onTestFinished(() => project.remove());
  folder = project.path;
  lines = [];
});
/** Every test leaves the project without partial templates. */
afterEach(() => {
  const templates = existsSync(join(folder, 'template')) ? readdirSync(join(folder, 'template')) : [];
  expect(templates.filter((name) => name.startsWith('.'))).toEqual([]);
});

type Env = Readonly<Record<string, string | undefined>>;

/** Pulls templates. A template with a `#` comes from a source, others from the store at `storeUrl`. */
const pull = (
  wanted: Readonly<Record<string, string | undefined>>,
  { storeUrl = 'http://127.0.0.1:1/', env = process.env as Env, signal = new AbortController().signal } = {},
) =>
  pullTemplates({
    missing: Object.entries(wanted).map(([lang, source]) => ({ lang, functions: [`${lang}-fn`], source })),
    ...{ folder, storeUrl, env, signal },
    say: (step, text) => lines.push(`${step} ${text}`),
  });

/** Creates a repository of templates: name → Dockerfile. */
function repository(
  name: string,
  templates: Readonly<Record<string, string>>,
  more: Parameters<ReturnType<GitServer['repository']>['commit']>[0] = {},
) {
  const made = server.repository(name);
  const files = Object.entries(templates).flatMap(([template, text]) => [
    [`template/${template}/template.yml`, `language: ${template}\n`] as const,
    [`template/${template}/Dockerfile`, text] as const,
    [`template/${template}/run.sh`, '#!/bin/sh\n'] as const,
  ]);
  const bare = `${made.folder.replace(/-work$/, '')}.git`;
  const commit = made.commit({ ...Object.fromEntries(files), ...more });
  const push = (ref: string) => made.git('push', '--quiet', bare, `HEAD:${ref}`);
  return { ...made, first: commit, push };
}

const at = (path: string) => readFileSync(join(folder, 'template', path), 'utf8');
const names = () => readdirSync(join(folder, 'template')).sort();
const noteOf = (name: string) => JSON.parse(at(`${name}/meta.json`)) as Record<string, string>;

async function store(list: unknown) {
  const answers = (res: ServerResponse) => {
    res.writeHead(200, { 'content-type': 'text/plain' }).end(JSON.stringify(list));
  };
  const { url, asked } = await serve({ 'GET /templates.json': answers });
  return { storeUrl: `${url}/templates.json`, asked };
}

describe('a source of configuration.templates', () => {
  test('provides the named template, as committed and with the note of faas-cli', async () => {
    const { url, first } = repository('one', { node: 'FROM one\n', go: 'FROM two\n' });
    await pull({ node: url });
    expect(names()).toEqual(['node']);
    expect(at('node/Dockerfile')).toBe('FROM one\n');
    expect(statSync(join(folder, 'template/node/run.sh')).mode & 0o111).not.toBe(0);
    expect(statSync(join(folder, 'template/node/Dockerfile')).mode & 0o111).toBe(0);
    expect(noteOf('node')).toEqual({ repository: url, sha: first, written_at: expect.stringMatching(/Z$/) });
    expect(lines).toEqual([`fetching ${url}`, `template node at ${first.slice(0, 7)}`]);
  });

  test.each([
    ['a tag', '1.0'],
    ['a branch with a slash', 'feature/a'],
    ['a commit by its beginning', 'sha-'],
    ['a whole commit', 'sha-whole'],
    ['a commit in upper case', 'sha-UPPER'],
  ])('at %s', async (_, ref) => {
    const made = repository('one', { node: 'FROM one\n' });
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
    await pull({ 'node@pinned/to': `${made.url}#${wanted}` });
    expect(at('node@pinned/to/Dockerfile')).toBe('FROM one\n');
    expect(noteOf('node@pinned/to')).toMatchObject({
      repository: made.url,
      ref_name: wanted,
      sha: made.first,
    });
  });

  test('is fetched once for several templates, and existing templates stay', async () => {
    const { url } = repository('one', { node: 'FROM node\n', go: 'FROM go\n' });
    mkdirSync(join(folder, 'template/mine'), { recursive: true });
    await pull({ node: url, go: url, 'node@x': url });
    expect(names()).toEqual(['go', 'mine', 'node', 'node@x']);
    expect(server.requests.filter(({ path }) => path.includes('info/refs'))).toHaveLength(2);
  });

  test('may be a repository of this machine, unlike a source in the list of a store', async () => {
    const made = repository('one', { node: 'FROM one\n' });
    made.git('tag', 'v1');
    await pull({ node: made.folder, 'node@v1': `${made.folder}#v1`, 'node@f': `file://${made.folder}` });
    expect(names()).toEqual(['node', 'node@f', 'node@v1']);
    for (const repo of [made.folder, `file://${made.folder}`, 'ext::sh', 'git://127.0.0.1/x']) {
      const { storeUrl } = await store([{ template: 'py', repo }]);
      await expect(pull({ py: undefined }, { storeUrl })).rejects.toMatchObject({
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
    await expect(pull({ node: made.url })).rejects.toMatchObject({
      message: `the template 'node' of the function 'node-fn' cannot be fetched from ${made.url}: git has no credentials for it, or wrong ones`,
      remedy: expect.stringContaining('git ls-remote'),
    });
    const home = await temporaryFolder();
    onTestFinished(() => home.remove());
    writeFileSync(
      join(home.path, '.gitconfig'),
      `[credential]\n\thelper = "!f() { echo username=robot; echo password=hunter2; }; f"\n`,
    );
    await pull({ node: made.url }, { env: { PATH: process.env.PATH, HOME: home.path } });
    // Credentials as in CI: in the environment, and in the URL.
    const inEnvironment = {
      ...{
        PATH: process.env.PATH,
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: `http.${closed.url}/.extraHeader`,
      },
      GIT_CONFIG_VALUE_0: `Authorization: Basic ${btoa('robot:hunter2')}`,
    };
    await pull({ 'node@env': made.url }, { env: inEnvironment });
    await pull({ 'node@url': made.url.replace('://', '://robot:hunter2@') });
    expect(noteOf('node@url').repository).toBe(made.url);
    await expect(pull({ go: made.url.replace('://', '://robot:hunter2@') })).rejects.toThrow(
      `is not in ${made.url}, which has the templates node`,
    );
    expect(lines.join()).not.toContain('hunter2');
  });

  test('is fetched over ssh with the keys and the ssh configuration of the user', async () => {
    const ssh = await startSshServer();
    onTestFinished(() => ssh.stop());
    const made = ssh.repository('acme/templates');
    const commit = made.commit({ 'template/node/template.yml': '', 'template/node/Dockerfile': 'FROM x\n' });
    const [address, port] = ssh.host.split(':');
    const file = (name: string) => join(folder, name);
    const configure = (key: string, hostKey: string) => {
      writeFileSync(file('known_hosts'), hostKey === '' ? '' : `[${address}]:${port} ${hostKey}\n`);
      writeFileSync(
        file('config'),
        `Host templates\n  HostName ${address}\n  Port ${port}\nHost *\n  IdentityFile ${key}\n  IdentitiesOnly yes\n` +
          `  IdentityAgent none\n  UserKnownHostsFile ${file('known_hosts')}\n  GlobalKnownHostsFile none\n`,
      );
    };
    const env = { PATH: process.env.PATH, HOME: folder, GIT_SSH_COMMAND: `ssh -F ${file('config')}` };
    const short = `${ssh.user}@templates:acme/templates.git`;
    configure(ssh.key(), ssh.hostKey);
    await pull(
      { node: made.url, 'node@short': `${short}#main`, 'node@sha': `${short}#sha-${commit.slice(0, 7)}` },
      { env },
    );
    expect(names()).toEqual(['node', 'node@sha', 'node@short']);
    expect([noteOf('node').repository, noteOf('node@short').repository]).toEqual([made.url, short]);
    for (const key of [ssh.strangeKey(), ssh.strangeKey({ passphrase: 'long enough' })]) {
      configure(key, ssh.hostKey);
      await expect(pull({ go: short }, { env })).rejects.toThrow(
        'git has no credentials for it, or wrong ones',
      );
    }
    configure(ssh.key(), '');
    await expect(pull({ go: short }, { env })).rejects.toMatchObject({
      message: expect.stringContaining('ssh does not know the host key that the server shows'),
      remedy: expect.stringContaining('known_hosts'),
    });
  });

  test('is fetched inside of a hook of git, and runs no hook itself', async () => {
    const { url } = repository('one', { node: 'FROM one\n' });
    const hooks = join(folder, 'hooks');
    mkdirSync(hooks);
    for (const name of ['reference-transaction', 'post-checkout', 'post-index-change']) {
      writeFileSync(join(hooks, name), `#!/bin/sh\ntouch ${folder}/ran\n`, { mode: 0o755 });
    }
    writeFileSync(join(folder, '.gitconfig'), `[core]\n\thooksPath = ${hooks}\n`);
    execFileSync('git', ['init', '--quiet', join(folder, 'own')]);
    await pull(
      { node: url },
      {
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          GIT_DIR: join(folder, 'own/.git'),
          GIT_INDEX_FILE: '/no/such',
        },
      },
    );
    expect(existsSync(join(folder, 'ran'))).toBe(false);
    expect(names()).toEqual(['node']);
  });
});

describe('the template store', () => {
  test('provides all templates of a repository, with the pinned ref of the name', async () => {
    const made = repository('official', { node: 'FROM one\n', go: 'FROM two\n', 'go-http': 'FROM three\n' });
    made.push('refs/tags/1.0');
    made.commit({ 'template/node/Dockerfile': 'FROM later\n' });
    const { storeUrl, asked } = await store([
      { template: 'node', repo: 'https://arm.example', official: 'true', platform: 'armhf' },
      { template: 'node', repo: made.url, official: 'true', recommended: true, platform: 'x86_64' },
      { template: 'go', repo: made.url },
      { template: 'broken' },
      7,
    ]);
    mkdirSync(join(folder, 'template/go@1.0'), { recursive: true });
    const withPassword = storeUrl.replace('://', '://me:p%40ss@');
    await pull({ 'node@1.0': undefined, node: undefined, go: undefined }, { storeUrl: withPassword });
    expect(names()).toEqual(['go', 'go-http', 'go-http@1.0', 'go@1.0', 'node', 'node@1.0']);
    expect([at('node/Dockerfile'), at('node@1.0/Dockerfile')]).toEqual(['FROM later\n', 'FROM one\n']);
    expect(readdirSync(join(folder, 'template/go@1.0'))).toEqual([]);
    expect(noteOf('go-http@1.0')).toMatchObject({ repository: made.url, ref_name: '1.0', sha: made.first });
    expect(asked.map(({ token }) => token)).toEqual([`Basic ${btoa('me:p@ss')}`]);
    expect(lines).toContain('template also go-http@1.0');
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
    await expect(pull({ nod: undefined }, { storeUrl: `${url}/s` })).rejects.toMatchObject({
      name: 'CommandError',
      message: expect.stringMatching(message),
    });
    expect(existsSync(join(folder, 'template'))).toBe(false);
  });

  test('that cannot be reached, or is not a URL, is named without its credentials', async () => {
    await expect(
      pull({ node: undefined }, { storeUrl: `http://a:b@127.0.0.1:${await freePort()}/x` }),
    ).rejects.toThrow(/^the template store http:\/\/127\.0\.0\.1:\d+\/x cannot be reached: .*ECONNREFUSED/);
    await expect(pull({ node: undefined }, { storeUrl: 'file:///etc/passwd' })).rejects.toThrow(
      'no http or https URL',
    );
  });
});

describe('links', () => {
  test('become copies of their targets in the repository', async () => {
    const { url } = repository(
      'one',
      { node: 'FROM one\n' },
      {
        'common/lib/a.js': 'a\n',
        'template/node/linked.js': { link: 'run.sh' },
        'template/node/lib': { link: '../../common/lib' },
        'template/node/deep/up.js': { link: '../lib/a.js' },
      },
    );
    await pull({ node: url });
    expect([at('node/linked.js'), at('node/lib/a.js'), at('node/deep/up.js')]).toEqual([
      '#!/bin/sh\n',
      'a\n',
      'a\n',
    ]);
    expect(statSync(join(folder, 'template/node/linked.js')).mode & 0o111).not.toBe(0);
  });

  test.each([
    '/etc/passwd',
    '../../../../../../../../etc/passwd',
    '../../../x',
    'gone',
    'evil',
    '.',
    '../..',
    '../../template',
    'Dockerfile/x',
  ])('to %s stay links', async (link) => {
    const { url } = repository('one', { node: 'FROM one\n' }, { 'template/node/evil': { link } });
    await pull({ node: url });
    expect(readlinkSync(join(folder, 'template/node/evil'))).toBe(link);
    expect(at('node/Dockerfile')).toBe('FROM one\n');
  });

  test('in the place of the note or of a file are not written through', async () => {
    const outside = join(folder, 'outside');
    writeFileSync(outside, 'mine');
    const { url } = repository(
      'one',
      { node: 'FROM one\n' },
      { 'template/node/meta.json': { link: outside }, 'template/node/lib': { link: folder } },
    );
    await pull({ node: url });
    expect(readFileSync(outside, 'utf8')).toBe('mine');
    expect(noteOf('node').repository).toBe(url);
  });

  test('that multiply files are refused', async () => {
    const level = (n: number) =>
      Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`bomb/${n}/${i}`, { link: `../${n + 1}` }]));
    const { url } = repository(
      'one',
      { node: 'FROM one\n' },
      {
        ...Object.assign({}, ...[1, 2, 3, 4, 5].map(level)),
        'bomb/6/file': 'x',
        'template/node/bomb': { link: '../../bomb/1' },
      },
    );
    await expect(pull({ node: url })).rejects.toThrow(
      'has more than 50000 files, with those that links lead to',
    );
    expect(existsSync(join(folder, 'template'))).toBe(false);
    // The other templates of a store repository are still taken.
    repository('one', { go: 'FROM two\n' });
    const { storeUrl } = await store([{ template: 'go', repo: url }]);
    await pull({ go: undefined }, { storeUrl });
    expect(names()).toEqual(['go']);
    expect(lines.join()).toContain("left out the template 'node' has more than 50000 files");
  });
});

describe('fetching fails for', () => {
  test.each([
    ['#gone', 2, /no branch or tag "gone"/],
    ['#sha-abcdef', 2, /7 to 40 hexadecimal digits/],
    ['#sha-0123456789', 2, /no such branch, tag or commit: "0123456789"/],
    ['#', 2, /has nothing after its #/],
    ['x', 1, /There is no repository at this URL/],
  ])('a repository with %s after its URL', async (more, exitCode, message) => {
    const { url } = repository('one', { node: 'FROM one\n' });
    await expect(pull({ node: `${url}${more}` })).rejects.toMatchObject({
      name: 'CommandError',
      exitCode,
      message: expect.stringMatching(message),
    });
    expect(existsSync(join(folder, 'template'))).toBe(false);
  });

  test.each([
    'ext::sh',
    'git://h.example/x',
    'ftp://h.example/x',
    '-oProxyCommand=x',
    'git@-x:y',
    'ssh://-oProxyCommand=x/y',
    'https://h.example/a b',
    'x',
    'http://',
  ])('the source %s', async (text) => {
    await expect(pull({ node: text })).rejects.toMatchObject({
      message: expect.stringContaining(`the template 'node' of the function 'node-fn': its source ${text} `),
      exitCode: 2,
    });
  });

  test('a folder that is not a repository, and a repository without templates', async () => {
    await expect(pull({ node: '.' })).rejects.toMatchObject({
      message: expect.stringContaining('cannot be fetched from .'),
    });
    const empty = server.repository('empty');
    empty.commit({ 'README.md': 'x' });
    await expect(pull({ node: empty.url })).rejects.toThrow('which has no template');
  });

  test('a machine without git', async () => {
    vi.stubEnv('PATH', folder);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(pull({ node: `${server.url}/x` })).rejects.toThrow('git is not installed');
  });

  test('a stopped or killed fetch leaves nothing behind', async () => {
    const { url } = repository('one', { node: 'FROM one\n' });
    const stale = join(folder, 'template/.pull-killed');
    mkdirSync(stale, { recursive: true });
    utimesSync(stale, 0, 0);
    const stop = new AbortController();
    server.hold(new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve())));
    const stopped = pull({ node: url }, { signal: stop.signal });
    await expect.poll(() => server.requests.length).toBeGreaterThan(0);
    stop.abort(new Error('stopped'));
    await expect(stopped).rejects.toThrow('stopped');
    await pull({ node: url });
    expect(names()).toEqual(['node']);
  });

  test('two processes at once leave one whole template', async () => {
    const { url } = repository('one', { node: 'FROM one\n' });
    await Promise.all([pull({ node: url }), pull({ node: url }), pull({ node: url })]);
    expect(readdirSync(join(folder, 'template/node')).sort()).toEqual([
      'Dockerfile',
      'meta.json',
      'run.sh',
      'template.yml',
    ]);
  });

  test('a server that redirects is followed, though not from https to http', async () => {
    const { url } = repository('one', { node: 'FROM one\n' });
    const lead = (req: IncomingMessage, res: ServerResponse) =>
      void res.writeHead(301, { location: `${server.url}${req.url}` }).end();
    const moved = await startGitServer();
    onTestFinished(() => moved.stop());
    moved.answer(lead);
    await pull({ node: url.replace(server.url, moved.url) });
    const authority = await createAuthority(folder);
    const { certFile, keyFile } = await authority.issue('git');
    const secure = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, lead);
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void secure.close());
    const secureUrl = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/one.git`;
    const asked = server.requests.length;
    const env = { ...process.env, GIT_SSL_CAINFO: authority.caFile };
    await expect(pull({ 'node@2': secureUrl }, { env })).rejects.toThrow(
      `cannot be fetched from ${secureUrl}`,
    );
    expect(server.requests).toHaveLength(asked);
    expect(names()).toEqual(['node']);
  });
});
