import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type GitServer, startGitServer } from '@slipway/shared/git/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { busybox, dockerfile } from '../context.js';
import { type Stack, startStack } from '../stack.js';
import { startCommand } from './command.js';

let stack: Stack;
let git: GitServer;
let store: Server;
let folder: string;
let env: Record<string, string>;
const before = process.cwd();

const write = (files: Readonly<Record<string, string>>) => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
};

/** A template whose build fails unless the handler is in its place and all files of the template are there. */
const template = (name: string) => ({
  [`template/${name}/template.yml`]: `language: ${name}\n`,
  [`template/${name}/Dockerfile`]: dockerfile(
    'COPY function /function',
    'COPY run.sh /run.sh',
    'RUN sh /run.sh',
  ),
  [`template/${name}/run.sh`]: '#!/bin/sh\ntest -f /function/handler.txt\n',
  // The repository has one busybox for all.
  [`template/${name}/busybox`]: { link: '../../busybox' },
});

beforeAll(async () => {
  [stack, git] = await Promise.all([startStack({ builders: 1, slots: 2 }), startGitServer()]);
  const official = git.repository('official');
  const own = git.repository('own');
  for (const repository of [official, own]) copyFileSync(busybox(), join(repository.folder, 'busybox'));
  official.commit({ ...template('tiny'), ...template('small') });
  own.commit(template('house'));
  own.git('push', '--quiet', `${own.folder.replace(/-work$/, '')}.git`, 'HEAD:refs/tags/1.0');
  store = createServer((_, res) => {
    const list = [
      { template: 'tiny', repo: official.url },
      { template: 'small', repo: official.url },
    ];
    res.end(JSON.stringify(list));
  });
  await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
  folder = mkdtempSync(join(tmpdir(), 'slipway-templates-'));
  env = {
    ...{ SLIPWAY_URL: stack.url, SLIPWAY_TOKEN: stack.token, SLIPWAY_DATA: '/no/such/folder' },
    ...{ REGISTRY: stack.registry, TEMPLATES: own.url },
    OPENFAAS_TEMPLATE_STORE_URL: `http://127.0.0.1:${(store.address() as AddressInfo).port}/`,
  };
  // References to environment variables, as in CI.
  const reference = (name: string) => `\${${name}}`;
  const fn = (name: string, lang: string) =>
    `  ${name}: { lang: ${lang}, handler: ./${name}, image: "${reference('REGISTRY')}/pulled/${name}:1" }\n`;
  write({
    'stack.yaml':
      `provider: { name: openfaas }\nconfiguration: { templates: [{ name: house@1.0, source: "${reference('TEMPLATES')}#1.0" }] }\nfunctions:\n` +
      `${fn('a', 'house@1.0')}${fn('b', 'house@1.0')}${fn('c', 'tiny')}`,
    ...{ 'a/handler.txt': 'a', 'b/handler.txt': 'b', 'c/handler.txt': 'c' },
  });
  process.chdir(folder);
});
afterAll(async () => {
  process.chdir(before);
  await Promise.all([stack?.stop(), git?.stop(), store && new Promise((resolve) => store.close(resolve))]);
  if (folder) rmSync(folder, { recursive: true });
});

const run = (...args: string[]) => startCommand(args, env).ended;

test('a stack without a template folder builds with the templates that it names', async () => {
  const refused = await run('publish', '--no-pull');
  expect([refused.exit, refused.err]).toEqual([2, expect.stringContaining("the template 'house@1.0'")]);
  expect(existsSync(join(folder, 'template'))).toBe(false);

  const { exit, out, err } = await run('publish', '--skip-unchanged');
  expect([exit, err]).toEqual([0, expect.stringContaining('3 functions succeeded')]);
  expect(err).toMatch(/^fetching +http\S+own\.git#1\.0\ntemplate +house@1\.0 at \w{7}\n/m);
  expect(out.trimEnd().split('\n')).toHaveLength(3);
  expect(readdirSync(join(folder, 'template')).sort()).toEqual(['house@1.0', 'small', 'tiny']);

  const plan = await run('rebuild', '--template', 'house@1.0', '--dry-run');
  expect(plan.out).toMatch(/^FUNCTION[^\n]*\nopenfaas-fn\/a [^\n]*\nopenfaas-fn\/b [^\n]*\n$/);
});

test('templates that are fetched again are unchanged: nothing is built', async () => {
  rmSync(join(folder, 'template'), { recursive: true });
  const { exit, out } = await run('publish', '--skip-unchanged', '--json');
  expect(exit).toBe(0);
  const last = JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as { batch: { counts: object } };
  expect(last.batch.counts).toMatchObject({ succeeded: 3 });
  const jobs = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; job?: { state: string; cached?: boolean } })
    .flatMap(({ job }) => (job?.state === 'succeeded' ? [job.cached] : []));
  expect(jobs).toEqual([true, true, true]);
});

test('a missing template is fetched before it is sent', async () => {
  rmSync(join(folder, 'template'), { recursive: true, force: true });
  const refused = await run('templates', 'push', './template/house@1.0', '--no-pull');
  expect([refused.exit, refused.err]).toEqual([2, expect.stringContaining("the template 'house@1.0'")]);
  const { exit, err } = await run('templates', 'push', './template/house@1.0');
  expect([exit, err]).toEqual([0, expect.stringMatching(/^template +house@1\.0, version 1, /m)]);
  expect(readdirSync(join(folder, 'template'))).toEqual(['house@1.0']);
  const list = await run('templates', 'list');
  expect(list.out).toMatch(/house@1\.0 .*own\.git#1\.0 \(\w{7}\)/);
});
