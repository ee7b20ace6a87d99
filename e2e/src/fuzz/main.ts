import { parseArgs } from 'node:util';
import { fuzzSource } from './source.js';

const note = (text: string) => process.stderr.write(`${text}\n`);
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: String(Date.now()) },
    findings: { type: 'string', default: '.cache/fuzz-findings' },
  },
});
const { seed, findings: folder } = values;
const seconds = values.minutes === undefined ? Number(values.seconds ?? '60') : Number(values.minutes) * 60;
const [target] = positionals;
if (positionals.length !== 1 || !Number.isInteger(seconds) || seconds < 1) usage();
else if (target === 'source') {
  if ((await fuzzSource({ seconds, seed, folder, note })) > 0) process.exitCode = 1;
} else if (target === 'api') {
  // Loaded only now, because the fuzzed codec must load after its coverage starts.
  const { fuzzApi } = await import('./api/run.js');
  const { ok, text, cases } = await fuzzApi({ examples: 100, seconds, seed, stateful: true });
  note(text);
  process.stdout.write(`fuzz api ok=${ok ? 1 : 0} cases=${cases} seed=${seed}\n`);
  if (!ok) process.exitCode = 1;
} else usage();

function usage(): void {
  note('usage: pnpm fuzz source|api [--seconds 60 | --minutes 10] [--seed N] [--findings FOLDER]');
  process.exitCode = 2;
}
