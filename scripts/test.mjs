// Sets up what is missing, then runs every test. The last line is `N passed, N failed`.
// Exit code 1 when a test failed or none ran, when a process was left behind, and, with CI set, when a test was left out.
import { randomUUID } from 'node:crypto';
import { setupOrExit } from './setup/setup.mjs';
import { endLeftovers } from './test/leftovers.mjs';
import { runSuite } from './test/suite.mjs';

const suites = [
  { name: 'unit', config: 'vitest.config.ts' },
  { name: 'e2e', config: 'e2e/vitest.config.ts' },
];
const ci = Boolean(process.env.CI) && process.env.CI !== 'false';
const print = (line) => process.stdout.write(`${line}\n`);

await setupOrExit({ engines: 'all' });
const variable = 'SLIPWAY_TEST_RUN';
const value = randomUUID();
const results = [];
for (const { name, config } of suites) {
  print(`\n== ${name}`);
  results.push(await runSuite({ name, config, marker: { [variable]: value } }));
}
const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.flatMap((result) => result.failed);
const left = results.flatMap((result) => result.left);
for (const leftover of endLeftovers({ variable, value }))
  failed.push(`a process was left behind: ${leftover}`);
if (passed + failed.length === 0) print('no test was run');
if (left.length > 0) print(`\nleft out${ci ? ', which CI does not allow' : ''}:\n  ${left.join('\n  ')}`);
if (failed.length > 0) print(`\nfailed:\n  ${failed.join('\n  ')}`);
process.exitCode = failed.length > 0 || passed === 0 || (ci && left.length > 0) ? 1 : 0;
print(`\n${passed} passed, ${failed.length} failed`);
