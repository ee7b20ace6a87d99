import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRandom } from '@slipway/simulator';
import { startCoverage } from './coverage.js';
import { fuzz } from './fuzz.js';

const note = (text: string) => process.stderr.write(`${text}\n`);
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now()) },
    findings: { type: 'string', default: '.cache/fuzz-findings' },
  },
});
if (positionals.join() !== 'source' || !/^\d+$/.test(values.seconds)) {
  note('usage: pnpm fuzz source [--seconds 60] [--seed N] [--findings FOLDER]');
  process.exit(2);
}
// Before what is fuzzed is loaded: V8 counts blocks of what it compiles from now on.
const coverage = await startCoverage(/\/shared\/dist\/source\//);
const { sourceSeeds, sourceTarget } = await import('./source-target.js');
const outcome = await fuzz({
  target: await sourceTarget(),
  seeds: sourceSeeds(),
  coverage,
  random: seededRandom(values.seed),
  seconds: Number(values.seconds),
  maxBytes: 16 * 1024,
  note,
  async onFinding({ input, error }) {
    await mkdir(values.findings, { recursive: true });
    const file = join(
      values.findings,
      `source-${Buffer.from(error.message).toString('hex').slice(0, 24)}.tar`,
    );
    await writeFile(file, input);
    note(`${file}\n${error.stack}`);
  },
});
await coverage.stop();
const { executions, corpus, seen, findings } = outcome;
process.stdout.write(
  `fuzz source findings=${findings} executions=${executions} corpus=${corpus} blocks=${seen} seed=${values.seed}\n`,
);
if (findings > 0) process.exitCode = 1;
