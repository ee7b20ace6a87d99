import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { root } from './compose/model.js';

interface SuiteResult {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly left: readonly string[];
}

interface Suite {
  readonly config: string;
  readonly projects: readonly string[];
  readonly repeats?: boolean;
  readonly byCommand?: boolean;
}

const script = (path: string) => import(pathToFileURL(join(root, 'scripts', path)).href);
mkdirSync(join(root, '.cache'), { recursive: true });
// Inside the checkout, where vitest is found.
const folder = mkdtempSync(join(root, '.cache', 'test-runner-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function runFixture(files: Record<string, string>): Promise<SuiteResult> {
  const fixture = mkdtempSync(join(folder, 'suite-'));
  writeFileSync(
    join(fixture, 'vitest.config.mjs'),
    `export default { test: { root: ${JSON.stringify(fixture)}, include: ['*.case.mjs'], globals: true } };`,
  );
  for (const [name, text] of Object.entries(files)) writeFileSync(join(fixture, name), text);
  const { runSuite } = await script('test/suite.mjs');
  return runSuite({
    name: 'fixture',
    config: join(fixture, 'vitest.config.mjs'),
    marker: {},
    output: 'ignore',
  });
}

test('`npm test` counts passed, failed and skipped tests', async () => {
  const { passed, failed, left } = await runFixture({
    'mixed.case.mjs': `
      test('good', () => {});
      test('bad', () => { throw new Error('no'); });
      test.skip('skipped', () => {});
      test.todo('later');`,
    'broken.case.mjs': `import './nothing-here.mjs'; test('unreached', () => {});`,
  });
  expect(passed).toBe(1);
  expect(failed.map((name) => name.replace(/^.*\//, '')).sort()).toEqual([
    'broken.case.mjs',
    'mixed.case.mjs: bad: Error: no',
  ]);
  expect(left.map((name) => name.replace(/^.*: /, '')).sort()).toEqual(['later (todo)', 'skipped (skipped)']);
});

test('an error outside any test counts as a failure, and so does a run without tests', async () => {
  const stray = await runFixture({
    'stray.case.mjs': `test('good', () => {}); Promise.reject(new Error('an unhandled rejection'));`,
  });
  expect(stray.passed).toBe(1);
  expect(stray.failed).toHaveLength(1);
  const none = await runFixture({});
  expect(none.passed).toBe(0);
  expect(none.failed).toHaveLength(1);
});

test('processes that a run leaves are found by their mark, ended and named', async () => {
  const { endLeftovers } = await script('test/leftovers.mjs');
  const value = `leftover-${process.pid}`;
  const child = spawn('sleep', ['1000'], { env: { ...process.env, SLIPWAY_LEFTOVER_TEST: value } });
  await once(child, 'spawn');
  const exited = once(child, 'exit');
  expect(endLeftovers({ variable: 'SLIPWAY_LEFTOVER_TEST', value: 'another' })).toEqual([]);
  expect(endLeftovers({ variable: 'SLIPWAY_LEFTOVER_TEST', value })).toEqual([`${child.pid} sleep 1000`]);
  expect(await exited).toEqual([null, 'SIGKILL']);
});

test('temporary files that a run leaves are named and removed, and so are those of a run that was killed', async () => {
  const { createTemporaryFolder } = await script('test/temporary-folder.mjs');
  const parent = mkdtempSync(join(folder, 'temporary-'));
  const killed = spawn('true');
  await once(killed, 'exit');
  mkdirSync(join(parent, `slipway-test-${killed.pid}/full`), { recursive: true });
  mkdirSync(join(parent, `slipway-test-${process.ppid}`));
  mkdirSync(join(parent, 'another'));
  const temporary = createTemporaryFolder(parent);
  const kept = ['another', `slipway-test-${process.ppid}`];
  expect(readdirSync(parent).sort()).toEqual([...kept, basename(temporary.path)].sort());
  expect(temporary.path.length - parent.length).toBeLessThan(25);
  mkdirSync(join(temporary.path, 'b/c'), { recursive: true });
  writeFileSync(join(temporary.path, 'a'), '');
  expect(temporary.remove()).toEqual(['a', 'b']);
  expect(readdirSync(parent).sort()).toEqual(kept);
});

test('each test file belongs to exactly one suite, and CI runs each suite that is not by command alone', async () => {
  const { suites } = await script('test/suites.mjs');
  const inSuites: string[] = [];
  const repeated: string[] = [];
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  for (const { config, projects, repeats } of Object.values<Suite>(suites)) {
    const options = ['--config', config, ...projects.map((project) => `--project=${project}`)];
    const listed = execFileSync(process.execPath, [vitest, 'list', '--filesOnly', '--json', ...options], {
      cwd: root,
      encoding: 'utf8',
    });
    for (const { file } of JSON.parse(listed)) (repeats ? repeated : inSuites).push(relative(root, file));
  }
  const tracked = ['ls-files', '--cached', '--others', '--exclude-standard', '--', '*.test.ts', '*.test.mjs'];
  const inCheckout = execFileSync('git', tracked, { cwd: root, encoding: 'utf8' }).trim().split('\n');
  expect(inSuites.sort()).toEqual(inCheckout.sort());
  expect(repeated).not.toEqual([]);
  expect(inCheckout).toEqual(expect.arrayContaining(repeated));
  const ci = readFileSync(join(root, '.ci/run'), 'utf8');
  const always = Object.entries<Suite>(suites).flatMap(([name, { byCommand }]) => (byCommand ? [] : name));
  expect(ci).toContain(`scripts/test.mjs ${always.join(' ')} `);
});
