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
import { createAuthority } from '@slipway/local';
import { startGitServer } from '@slipway/shared/git/testing';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { startProject, store } from './testing/project.js';

let project: Awaited<ReturnType<typeof startProject>>;
beforeEach(async () => {
  project = await startProject();
});

describe('links', () => {
  test('become copies of their targets in the repository', async () => {
    const { url } = project.repository(
      'one',
      { node: 'FROM one\n' },
      {
        'common/lib/a.js': 'a\n',
        'template/node/linked.js': { link: 'run.sh' },
        'template/node/lib': { link: '../../common/lib' },
        'template/node/deep/up.js': { link: '../lib/a.js' },
      },
    );
    await project.pull({ node: url });
    expect([
      project.at('node/linked.js'),
      project.at('node/lib/a.js'),
      project.at('node/deep/up.js'),
    ]).toEqual(['#!/bin/sh\n', 'a\n', 'a\n']);
    expect(statSync(join(project.folder, 'template/node/linked.js')).mode & 0o111).not.toBe(0);
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
    const { url } = project.repository('one', { node: 'FROM one\n' }, { 'template/node/evil': { link } });
    await project.pull({ node: url });
    expect(readlinkSync(join(project.folder, 'template/node/evil'))).toBe(link);
    expect(project.at('node/Dockerfile')).toBe('FROM one\n');
  });

  test('in the place of the note or of a file are not written through', async () => {
    const outside = join(project.folder, 'outside');
    writeFileSync(outside, 'mine');
    const { url } = project.repository(
      'one',
      { node: 'FROM one\n' },
      { 'template/node/meta.json': { link: outside }, 'template/node/lib': { link: project.folder } },
    );
    await project.pull({ node: url });
    expect(readFileSync(outside, 'utf8')).toBe('mine');
    expect(project.noteOf('node').repository).toBe(url);
  });

  test('that multiply files are refused', async () => {
    const level = (n: number) =>
      Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`bomb/${n}/${i}`, { link: `../${n + 1}` }]));
    const { url } = project.repository(
      'one',
      { node: 'FROM one\n' },
      {
        ...Object.assign({}, ...[1, 2, 3, 4, 5].map(level)),
        'bomb/6/file': 'x',
        'template/node/bomb': { link: '../../bomb/1' },
      },
    );
    await expect(project.pull({ node: url })).rejects.toThrow(
      'has more than 50000 files, with those that links lead to',
    );
    expect(existsSync(join(project.folder, 'template'))).toBe(false);
    // The other templates of a store repository are still taken.
    project.repository('one', { go: 'FROM two\n' });
    const { storeUrl } = await store([{ template: 'go', repo: url }]);
    await project.pull({ go: undefined }, { storeUrl });
    expect(project.names()).toEqual(['go']);
    expect(project.lines.join()).toContain("left out the template 'node' has more than 50000 files");
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
    const { url } = project.repository('one', { node: 'FROM one\n' });
    await expect(project.pull({ node: `${url}${more}` })).rejects.toMatchObject({
      name: 'CommandError',
      exitCode,
      message: expect.stringMatching(message),
    });
    expect(existsSync(join(project.folder, 'template'))).toBe(false);
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
    await expect(project.pull({ node: text })).rejects.toMatchObject({
      message: expect.stringContaining(`the template 'node' of the function 'node-fn': its source ${text} `),
      exitCode: 2,
    });
  });

  test('a folder that is not a repository, and a repository without templates', async () => {
    await expect(project.pull({ node: '.' })).rejects.toMatchObject({
      message: expect.stringContaining('cannot be fetched from .'),
    });
    const empty = project.server.repository('empty');
    empty.commit({ 'README.md': 'x' });
    await expect(project.pull({ node: empty.url })).rejects.toThrow('which has no template');
  });

  test('a machine without git', async () => {
    vi.stubEnv('PATH', project.folder);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(project.pull({ node: `${project.server.url}/x` })).rejects.toThrow('git is not installed');
  });

  test('a stopped or killed fetch leaves nothing behind', async () => {
    const { url } = project.repository('one', { node: 'FROM one\n' });
    const stale = join(project.folder, 'template/.pull-killed');
    mkdirSync(stale, { recursive: true });
    utimesSync(stale, 0, 0);
    const stop = new AbortController();
    project.server.hold(
      new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve())),
    );
    const stopped = project.pull({ node: url }, { signal: stop.signal });
    await expect.poll(() => project.server.requests.length).toBeGreaterThan(0);
    stop.abort(new Error('stopped'));
    await expect(stopped).rejects.toThrow('stopped');
    await project.pull({ node: url });
    expect(project.names()).toEqual(['node']);
  });

  test('two processes at once leave one whole template', async () => {
    const { url } = project.repository('one', { node: 'FROM one\n' });
    await Promise.all([
      project.pull({ node: url }),
      project.pull({ node: url }),
      project.pull({ node: url }),
    ]);
    expect(readdirSync(join(project.folder, 'template/node')).sort()).toEqual([
      'Dockerfile',
      'meta.json',
      'run.sh',
      'template.yml',
    ]);
  });

  test('a server that redirects is followed, though not from https to http', async () => {
    const { url } = project.repository('one', { node: 'FROM one\n' });
    const lead = (req: IncomingMessage, res: ServerResponse) =>
      void res.writeHead(301, { location: `${project.server.url}${req.url}` }).end();
    const moved = await startGitServer();
    onTestFinished(() => moved.stop());
    moved.answer(lead);
    await project.pull({ node: url.replace(project.server.url, moved.url) });
    const authority = await createAuthority(project.folder);
    const { certFile, keyFile } = await authority.issue('git');
    const secure = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, lead);
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void secure.close());
    const secureUrl = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/one.git`;
    const asked = project.server.requests.length;
    const env = { ...process.env, GIT_SSL_CAINFO: authority.caFile };
    await expect(project.pull({ 'node@2': secureUrl }, { env })).rejects.toThrow(
      `cannot be fetched from ${secureUrl}`,
    );
    expect(project.server.requests).toHaveLength(asked);
    expect(project.names()).toEqual(['node']);
  });
});
