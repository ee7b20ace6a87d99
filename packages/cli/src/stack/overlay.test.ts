import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool, temporaryFolder } from '@slipway/local';
import { afterEach, describe, expect, test } from 'vitest';
import { packTree } from '../build/pack.js';
import { shrinkwrapProject, writeFiles } from '../testing/stack-project.js';
import { planStack } from './plan.js';

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
  });

/** A line an entry: what it is, whether it may be executed, the start of its hash, its path. */
const line = (path: string, executable: boolean, content: Uint8Array) =>
  `${executable ? 'x' : '-'} ${createHash('sha256').update(content).digest('hex').slice(0, 12)} ${path}`;
const sorted = (lines: readonly string[]) => [...lines].sort();

/** The trees that slipway would send. */
async function planned(folder: string): Promise<string[]> {
  const { functions } = await plan(folder);
  const lines: string[] = [];
  for (const { name, tree } of functions) {
    for (const [path, entry] of (await tree()).entries) {
      if (entry.type === 'folder') lines.push(`folder ${name}/${path}`);
      else lines.push(line(`${name}/${path}`, entry.executable, readFileSync(entry.from)));
    }
  }
  return sorted(lines);
}

/** What lies in a folder. */
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

/** Written down from `faas-cli build --shrinkwrap` (of July 2026) on the same project. */
const recording = new URL('../testing/shrinkwrap.txt', import.meta.url);
const recorded = () => readFileSync(recording, 'utf8').trimEnd().split('\n');

describe('the build contexts of a stack', () => {
  test('are file for file, and mode for mode, what faas-cli --shrinkwrap leaves', async () => {
    expect(await planned(await project())).toEqual(recorded());
  });

  // Only where faas-cli is installed, which is not published as a package: RECORD=1 writes the recording anew.
  const faasCli = findTool('faas-cli');
  if (faasCli !== undefined) {
    test('are still what the installed faas-cli leaves', async () => {
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

  test('have the same digest wherever they lie, and another when a mode changes', async () => {
    const digests = async (files: Readonly<Record<string, string>>) =>
      new Map((await plan(await project(files))).functions.map(({ name, source }) => [name, source.digest]));
    const first = await digests(shrinkwrapProject);
    expect(await digests(shrinkwrapProject)).toEqual(first);
    const { 'x handlers/nested/bin/run': run = '', ...rest } = shrinkwrapProject;
    const changed = await digests({ ...rest, 'handlers/nested/bin/run': run });
    expect([...first.keys()].filter((name) => changed.get(name) !== first.get(name))).toEqual(['nested']);
  });
});

describe('what cannot be a context is named', () => {
  const provider = 'provider: { name: openfaas }\n';
  const one = (fields: string, more: Readonly<Record<string, string>> = {}) => ({
    'stack.yaml': `${provider}functions:\n  fn: { image: fn, ${fields} }\n`,
    'template/t/template.yml': 'language: t\n',
    'template/t/Dockerfile': 'FROM scratch\n',
    'fn/handler': 'x',
    ...more,
  });
  test.each([
    ['a template that is not there', one('lang: none, handler: fn'), /no template 'none'.*/],
    ['a handler that is not there', one('lang: t, handler: ./gone'), /'fn': .*gone is not there/],
    ['a handler that is a file', one('lang: t, handler: fn/handler'), /handler of 'fn', .* is not a folder/],
    [
      'a handler folder outside',
      one('lang: t, handler: fn', { 'template/t/template.yml': 'handler_folder: ../../x' }),
      /handler_folder, .*leads out/,
    ],
    [
      'a link to nothing',
      one('lang: t, handler: fn', { 'fn/gone': '-> nowhere' }),
      /gone is .*a link to what/,
    ],
    [
      'a circle of folders',
      one('lang: t, handler: fn', { 'fn/loop': '-> ../fn' }),
      /loop is a link to a folder/,
    ],
    [
      'a file in the place of a folder',
      one('lang: t, handler: fn', { 'template/t/function/handler/deep': '' }),
      /'fn': function\/handler is a folder in one part/,
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
  ])('%s', async (_, files, message) => {
    await expect(plan(await project(files))).rejects.toThrow(message);
  });

  test('a pipe', async () => {
    const folder = await project(one('lang: t, handler: fn'));
    execFileSync('mkfifo', [join(folder, 'fn', 'pipe')]);
    symlinkSync('pipe', join(folder, 'fn', 'a-link'));
    await expect(plan(folder)).rejects.toThrow(/a-link is neither a file nor a folder/);
  });
});
