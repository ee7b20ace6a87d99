// Checks what the project is made of: the lockfile, the licences of production dependencies, and known vulnerabilities.
// Usage: node scripts/supply-chain.mjs [--root folder] [--registry url] [--must-ask]
// --must-ask: a registry that does not answer is a failure.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root as checkout } from './setup/commands.mjs';
import { audit, auditOffline, auditProblems } from './supply/audit.mjs';
import { licenseProblems } from './supply/licenses.mjs';
import { lockfileProblems } from './supply/lockfile.mjs';
import { pnpm } from './supply/pnpm.mjs';

const { values } = parseArgs({
  options: { root: { type: 'string' }, registry: { type: 'string' }, 'must-ask': { type: 'boolean' } },
});
const root = resolve(values.root ?? checkout);
const print = (line) => process.stdout.write(`${line}\n`);
const read = (...path) => readFileSync(join(root, ...path), 'utf8');
const problems = [];

problems.push(...lockfileProblems(read('pnpm-lock.yaml')).map((each) => `pnpm-lock.yaml: ${each}`));

const licenses = await pnpm({ cwd: root, args: ['--recursive', 'licenses', 'list', '--prod', '--json'] });
if (licenses.code !== 0) problems.push(`pnpm licenses ended with ${licenses.code}: ${licenses.stderr}`);
else
  problems.push(
    ...licenseProblems({
      found: JSON.parse(licenses.stdout),
      ...JSON.parse(read('security', 'licenses.json')),
    }),
  );

const exceptions = JSON.parse(read('security', 'audit-exceptions.json'));
const today = new Date().toISOString().slice(0, 10);
const { findings, unasked } = await audit({ root, registry: values.registry });
if (unasked === undefined) {
  problems.push(...auditProblems({ findings, exceptions, today, isComplete: true }));
  print(`the registry knows ${findings.length} advisories that hold for what is installed`);
} else {
  print(`\n*** THE REGISTRY COULD NOT BE ASKED FOR ADVISORIES: ${unasked}`);
  const known = existsSync(join(root, 'security', 'advisories.json'))
    ? JSON.parse(read('security', 'advisories.json'))
    : undefined;
  if (known === undefined) {
    print('*** No advisories are kept here: NOTHING WAS AUDITED.\n');
    problems.push(...auditProblems({ findings: [], exceptions, today, isComplete: false }));
  } else {
    const offline = await auditOffline({ root, advisories: known.advisories });
    if (offline.unasked !== undefined) problems.push(`pnpm audit cannot be run: ${offline.unasked}`);
    problems.push(
      ...auditProblems({ findings: offline.findings ?? [], exceptions, today, isComplete: false }),
    );
    const count = Object.values(known.advisories).flat().length;
    print(
      `*** Only the ${count} advisories of ${Object.keys(known.advisories).length} packages were looked at that were`,
    );
    print(
      `*** written down on ${known.taken} (security/advisories.json). WHAT IS NEWER, OR OF OTHER PACKAGES, WAS NOT SEEN.\n`,
    );
  }
  if (values['must-ask']) problems.push('the registry could not be asked for advisories');
}

for (const problem of problems) print(`supply chain: ${problem}`);
if (problems.length === 0) print('supply chain: nothing was found');
process.exitCode = problems.length === 0 ? 0 : 1;
