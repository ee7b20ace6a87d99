// Sets up what is missing, then runs tests. Prints the seconds of each suite; the last line is `N passed, N failed`.
// Usage: node scripts/test.mjs [unit] [e2e] [stores] [redis] [engines] [long] [system] [kubernetes]. Default: unit e2e.
// Exit code 1 when a test failed or none ran, when a process or a temporary file was left behind, and, with CI set, when a
// test was left out.
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { setupOrExit } from './setup/setup.mjs';
import { endLeftovers } from './test/leftovers.mjs';
import { runSuite } from './test/suite.mjs';
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
const results = [];
for (const name of names) {
  const { config, projects, images } = suites[name];
  print(`\n== ${name}`);
  const started = performance.now();
  const run = images === undefined ? runSuite : runSystemSuite;
  const result = await run({
    name,
    config,
    projects,
    images,
    marker: { [variable]: value, TMPDIR: temporary.path },
  });
  results.push({ ...result, seconds: Math.round((performance.now() - started) / 1000) });
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
