import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { findTool, temporaryFolder } from '@slipway/local';
import { afterEach, describe, expect, test } from 'vitest';
import { packTree } from '../build/pack.js';
import { refusePull } from '../pull/failures.js';
import { shrinkwrapProject, writeFiles } from '../testing/stack-project.js';
import { type PlannedFunction, planStack } from './plan.js';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0)) await step();
});

async function project(files: Readonly<Record<string, string>> = shrinkwrapProject): Promise<string> {
  const folder = await temporaryFolder();
  cleanUp.push(() => folder.remove());
  writeFiles(folder.path, files);
  return folder.path;
}

const plan = (folder: string) =>
  planStack({
    ...{ file: 'stack.yaml', folder, env: {}, envsubst: true, tag: 'latest' },
    ...{ buildArgs: {}, buildOptions: [], copy: [], options: {}, extraTags: [] },
    pull: async (missing) => refusePull(missing),
  });

/** Formats an entry: type, executable or not, beginning of its hash, path. */
const line = (path: string, executable: boolean, content: Uint8Array) =>
  `${executable ? 'x' : '-'} ${createHash('sha256').update(content).digest('hex').slice(0, 12)} ${path}`;
const sorted = (lines: readonly string[]) => [...lines].sort();

/** Returns the trees that slipway would send. */
async function planned(folder: string): Promise<string[]> {
  const { functions } = await plan(folder);
  const lines: string[] = [];
  for (const { name, tree } of functions) {
    for (const [path, entry] of (await tree()).entries) {
      if (entry.type !== 'file') lines.push(`${entry.type} ${name}/${path}`);
      else lines.push(line(`${name}/${path}`, entry.executable, readFileSync(entry.from)));
    }
  }
  return sorted(lines);
}

/** Returns the entries of a folder. */
function onDisk(folder: string): string[] {
  const lines: string[] = [];
  const visit = (path: string) => {
    for (const name of readdirSync(join(folder, path))) {
      const at = path === '' ? name : `${path}/${name}`;
      const stat = statSync(join(folder, at));
      if (stat.isDirectory()) {
        if (path !== '') lines.push(`folder ${at}`);
        visit(at);
      } else lines.push(line(at, (stat.mode & 0o111) !== 0, readFileSync(join(folder, at))));
    }
  };
  visit('');
  return sorted(lines);
}

/** Recorded from `faas-cli build --shrinkwrap` (July 2026) on the same project. */
const recording = new URL('../testing/shrinkwrap.txt', import.meta.url);
const recorded = () => readFileSync(recording, 'utf8').trimEnd().split('\n');

describe('the build contexts of a stack', () => {
  test('have the files and modes that faas-cli --shrinkwrap leaves', async () => {
    expect(await planned(await project())).toEqual(recorded());
  });

  // Needs an installed faas-cli, which is not published as a package. RECORD=1 writes the recording again.
  const faasCli = findTool('faas-cli');
  if (faasCli !== undefined) {
    test('have the files and modes that the installed faas-cli leaves', async () => {
      const folder = await project();
      execFileSync(faasCli, ['build', '--shrinkwrap', '-f', 'stack.yaml'], { cwd: folder });
      const left = onDisk(join(folder, 'build'));
      if (process.env.RECORD) writeFileSync(recording, `${left.join('\n')}\n`);
      expect(left).toEqual(recorded());
      expect(await planned(folder)).toEqual(left);
    });
  }

  test('unpack from their archive to the same', async () => {
    const folder = await project();
    const { functions } = await plan(folder);
    const out = await temporaryFolder();
    cleanUp.push(() => out.remove());
    for (const { name, tree } of functions) {
      mkdirSync(join(out.path, name));
      const chunks: Uint8Array[] = [];
      for await (const chunk of packTree((await tree()).entries)) chunks.push(chunk);
      execFileSync('tar', ['-x', '-C', join(out.path, name)], { input: Buffer.concat(chunks) });
    }
    expect(onDisk(out.path)).toEqual(recorded());
  });

  test('have the same digest in any folder, and another when a mode changes', async () => {
    const digests = async (files: Readonly<Record<string, string>>) =>
      new Map((await plan(await project(files))).functions.map(({ name, source }) => [name, source.digest]));
    const first = await digests(shrinkwrapProject);
    expect(await digests(shrinkwrapProject)).toEqual(first);
    const { 'x handlers/nested/bin/run': run = '', ...rest } = shrinkwrapProject;
    const changed = await digests({ ...rest, 'handlers/nested/bin/run': run });
    expect([...first.keys()].filter((name) => changed.get(name) !== first.get(name))).toEqual(['nested']);
  });
});

describe('an invalid context is reported:', () => {
  const provider = 'provider: { name: openfaas }\n';
  const one = (fields: string, more: Readonly<Record<string, string>> = {}) => ({
    'stack.yaml': `${provider}functions:\n  fn: { image: fn, ${fields} }\n`,
    'template/t/template.yml': 'language: t\n',
    'template/t/Dockerfile': 'FROM scratch\n',
    'fn/handler': 'x',
    ...more,
  });
  test.each([
    [
      'a template that is not there',
      one('lang: none, handler: fn'),
      /the template 'none' of the function 'fn', from the template store/,
    ],
    ['a handler that is not there', one('lang: t, handler: ./gone'), /'fn': .*gone is not there/],
    ['a handler that is a file', one('lang: t, handler: fn/handler'), /handler of 'fn', .* is not a folder/],
    [
      'a handler folder outside',
      one('lang: t, handler: fn', { 'template/t/template.yml': 'handler_folder: ../../x' }),
      /handler_folder, .*leads out/,
    ],
    [
      'a handler that is a link to nothing',
      one('lang: t, handler: link', { link: '-> nowhere' }),
      /link is not there, or is a link to a missing file/,
    ],
    [
      'a handler that is a link in a circle',
      one('lang: t, handler: a', { a: '-> b', b: '-> a' }),
      /'fn': .*a is a circular link/,
    ],
    [
      'a template.yml that is a link',
      one('lang: u, handler: fn', { 'template/u/template.yml': '-> ../t/template.yml' }),
      /no template 'u'/,
    ],
    [
      'a file in the place of a folder',
      one('lang: t, handler: fn', { 'template/t/function/handler/deep': '' }),
      /'fn': function\/handler is a folder in one part of the context and a file or link/,
    ],
    [
      'a link in the place of a folder',
      one('lang: t, handler: fn', { 'template/t/function': '-> elsewhere' }),
      /'fn': function is a folder in one part of the context and a file or link/,
    ],
    ['no Dockerfile', one('lang: dockerfile, handler: fn'), /'fn': its build context has no Dockerfile/],
    [
      'an extra path outside',
      {
        ...one('lang: t, handler: fn'),
        'stack.yaml': `${provider}configuration: { copy: [../x] }\nfunctions:\n  fn: { image: fn, lang: t, handler: fn }\n`,
      },
      /extra path \.\.\/x is outside/,
    ],
    ...['out', 'out/passwd', 'up'].map((path): [string, Record<string, string>, RegExp] => [
      `an extra path that a link leads outside: ${path}`,
      {
        ...one('lang: t, handler: fn', { out: '-> /etc', up: '-> ..' }),
        'stack.yaml': `${provider}configuration: { copy: [${path}] }\nfunctions:\n  fn: { image: fn, lang: t, handler: fn }\n`,
      },
      new RegExp(`extra path ${path} is outside`),
    ]),
  ])('%s', async (_, files, message) => {
    await expect(plan(await project(files))).rejects.toThrow(message);
  });

  test('a pipe', async () => {
    const folder = await project(one('lang: t, handler: fn'));
    execFileSync('mkfifo', [join(folder, 'fn', 'pipe')]);
    await expect(plan(folder)).rejects.toThrow(/pipe is neither a file, a folder nor a link/);
  });

  test.each([
    ['a file', (at: string) => writeFileSync(Buffer.from(`${at}/caf\xe9`, 'latin1'), 'x')],
    ['a folder', (at: string) => mkdirSync(Buffer.from(`${at}/caf\xe9`, 'latin1'))],
    ['a link', (at: string) => symlinkSync('x', Buffer.from(`${at}/caf\xe9`, 'latin1'))],
  ])('a name of %s that is not UTF-8', async (_, make) => {
    const files = one('lang: t, handler: fn', { 'fn/sub/x': '', 'template/t/sub/x': '', 'extra/sub/x': '' });
    const copy = 'configuration: { copy: [extra] }\n';
    for (const at of ['fn', 'template/t', 'extra']) {
      const folder = await project({ ...files, 'stack.yaml': `${copy}${files['stack.yaml']}` });
      make(join(folder, at, 'sub'));
      const message = `source_path_unsafe: in ${join(folder, at)}: "sub/caf\\xe9" is not in UTF-8.`;
      await expect(plan(folder)).rejects.toThrow(message);
    }
  });

  test('a link whose target is not UTF-8', async () => {
    const folder = await project(one('lang: t, handler: fn'));
    symlinkSync(Buffer.from('caf\xe9', 'latin1'), join(folder, 'fn/l'));
    const message = `'fn': source_link_unsafe: in ${folder}/fn: The link "l" has a target that is not in UTF-8: "caf\\xe9".`;
    await expect(plan(folder)).rejects.toThrow(message);
  });
});

describe('links', () => {
  const targets: Readonly<Record<string, string>> = {
    absolute: '/etc/passwd',
    climbing: '../../../../../etc/passwd',
    'out/of-handler': '../../shared',
    dangling: 'nowhere/at/all',
    self: 'self',
    round: 'about',
    about: 'round',
    'loop/up': '..',
    inside: 'handler',
    'folder-inside': 'out',
    spaced: ' a\nb ',
    long: `${'x/'.repeat(100)}y`,
  };
  const handler = Object.fromEntries(Object.entries(targets).map(([path, to]) => [path, `-> ${to}`]));
  const below = (folder: string, files: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));

  test('stay links with their target, in handlers, templates and extra paths', async () => {
    const folder = await project({
      'stack.yaml':
        'provider: { name: openfaas }\nconfiguration: { copy: [extra] }\nfunctions:\n  fn: { image: fn, lang: t, handler: ./to-handler }\n',
      'template/t/template.yml': 'language: t\n',
      'template/t/docker/real': 'FROM scratch\n',
      'template/t/Dockerfile': '-> docker/real',
      ...below('template/t', handler),
      'to-handler': '-> real/handler',
      'real/handler/handler': 'x',
      ...below('real/handler', handler),
      'extra/handler': 'x',
      ...below('extra', handler),
      'shared/secret': 'never read',
    });
    const [fn] = (await plan(folder)).functions;
    const { entries } = await (fn as PlannedFunction).tree();
    const out = await temporaryFolder();
    cleanUp.push(() => out.remove());
    const chunks: Uint8Array[] = [];
    for await (const chunk of packTree(entries)) chunks.push(chunk);
    execFileSync('tar', ['-x', '-C', out.path], { input: Buffer.concat(chunks) });
    for (const at of ['', 'function/', 'function/extra/'])
      for (const [path, target] of Object.entries(targets)) {
        expect(entries.get(at + path)).toEqual({ type: 'link', target });
        expect(readlinkSync(join(out.path, at + path))).toBe(target);
      }
    expect([...entries.keys()].filter((path) => path.includes('secret'))).toEqual([]);
    expect(entries.get('Dockerfile')).toEqual({ type: 'link', target: 'docker/real' });
  });

  test('replace entries under them, and are replaced', async () => {
    const folder = await project({
      'stack.yaml': 'provider: { name: openfaas }\nfunctions:\n  fn: { image: fn, lang: t, handler: fn }\n',
      'template/t/template.yml': 'language: t\n',
      'template/t/Dockerfile': 'FROM scratch\n',
      'template/t/function/a': '-> /etc/passwd',
      'template/t/function/b': 'a file',
      'fn/a': 'mine',
      'fn/b': '-> a',
    });
    const [fn] = (await plan(folder)).functions;
    const tree = await fn?.tree();
    expect(tree?.entries.get('function/a')).toMatchObject({ type: 'file', size: 4 });
    expect(tree?.entries.get('function/b')).toEqual({ type: 'link', target: 'a' });
  });

  test('are followed where an extra path names a link into the project', async () => {
    const folder = await project({
      'stack.yaml':
        'provider: { name: openfaas }\nconfiguration: { copy: [l, d/x] }\nfunctions:\n  fn: { image: fn, lang: t, handler: fn }\n',
      'template/t/template.yml': 'language: t\n',
      'template/t/Dockerfile': 'FROM scratch\n',
      'fn/handler': '',
      l: '-> shared',
      d: '-> shared',
      'shared/x': 'x',
    });
    const [fn] = (await plan(folder)).functions;
    const paths = [...((await fn?.tree())?.entries.keys() ?? [])];
    expect(paths).toEqual(expect.arrayContaining(['function/l/x', 'function/d/x']));
  });
});
