// Sets up what is missing, then runs tests. Prints the seconds of each suite; the last line is `N passed, N failed`.
// Usage: node scripts/test.mjs [unit] [e2e] [stores] [redis] [engines] [long] [system] [kubernetes]. Default: unit e2e.
// Exit code 1 when a test failed or none ran, when a process or a temporary file was left behind, and, with CI set, when a
// test was left out.
import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setupOrExit } from './setup/setup.mjs';
import { endLeftovers } from './test/leftovers.mjs';
import { reports, runSuite } from './test/suite.mjs';
import { suites } from './test/suites.mjs';
import { runSystemSuite } from './test/system.mjs';
import { createTemporaryFolder } from './test/temporary-folder.mjs';

const { positionals } = parseArgs({ allowPositionals: true });
const names = positionals.length > 0 ? positionals : ['unit', 'e2e'];
const unknown = names.filter((name) => !Object.hasOwn(suites, name));
if (unknown.length > 0) {
  process.stderr.write(
    `test: no such suite: ${unknown.join(', ')}; there are ${Object.keys(suites).join(', ')}\n`,
  );
  process.exit(1);
}
const ci = Boolean(process.env.CI) && process.env.CI !== 'false';
const print = (line) => process.stdout.write(`${line}\n`);

const wanted = names.map((name) => suites[name].engines ?? 'all');
await setupOrExit({ engines: ['kubernetes', 'docker', 'all'].find((engines) => wanted.includes(engines)) });
const variable = 'SLIPWAY_TEST_RUN';
const value = randomUUID();
const temporary = createTemporaryFolder();
mkdirSync(reports, { recursive: true });
const results = [];
const besides = new Map();
for (const name of names) {
  for (const other of names)
    if (suites[other].beside?.includes(name) && !besides.has(other)) besides.set(other, runBeside(other));
  print(`\n== ${name}`);
  results.push(await (besides.get(name)?.() ?? run(name, 'inherit')));
}
const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.flatMap((result) => result.failed);
const left = results.flatMap((result) => result.left);
for (const leftover of endLeftovers({ variable, value }))
  failed.push(`a process was left behind: ${leftover}`);
for (const name of temporary.remove()) failed.push(`a temporary file was left behind: ${name}`);
if (passed + failed.length === 0) print('no test was run');
if (left.length > 0) print(`\nleft out${ci ? ', which CI does not allow' : ''}:\n  ${left.join('\n  ')}`);
if (failed.length > 0) print(`\nfailed:\n  ${failed.join('\n  ')}`);
process.exitCode = failed.length > 0 || passed === 0 || (ci && left.length > 0) ? 1 : 0;
print(`\nseconds: ${results.map(({ name, seconds }) => `${name} ${seconds}`).join(', ')}`);
print(`${passed} passed, ${failed.length} failed`);

/** Runs a suite, and adds its seconds to the result. `output`: where its tests write, as in `stdio` of a child process. */
async function run(name, output) {
  const { config, projects, images } = suites[name];
  const started = performance.now();
  const runOne = images === undefined ? runSuite : runSystemSuite;
  const marker = { [variable]: value, TMPDIR: temporary.path };
  const result = await runOne({ name, config, projects, images, marker, output });
  return { ...result, seconds: Math.round((performance.now() - started) / 1000) };
}

/** Starts a suite that runs beside others. Returns a function that waits for it and prints what it wrote. */
function runBeside(name) {
  const path = join(reports, `${name}.txt`);
  const output = openSync(path, 'w');
  const running = run(name, output);
  return async () => {
    const result = await running;
    closeSync(output);
    process.stdout.write(readFileSync(path));
    return result;
  };
}
