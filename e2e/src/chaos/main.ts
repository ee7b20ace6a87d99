import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { exitOnSignals } from '@slipway/local';
import { factsLine, holds, outcomeLine } from './report.js';
import { scenarios } from './scenarios/index.js';

const note = (text: string) => process.stderr.write(`${text}\n`);
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string' },
    runs: { type: 'string' },
    quick: { type: 'boolean', default: false },
    logs: { type: 'string' },
    attack: { type: 'string', multiple: true },
  },
});
const number = (text: string) => {
  if (!/^\d+$/.test(text)) throw new Error(`'${text}' is not a whole number`);
  return Number(text);
};
const wanted = positionals.map((name) => name.toUpperCase());
const chosen = scenarios.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
if (chosen.length < wanted.length) {
  note(`no such scenario; there are ${scenarios.map(({ name, about }) => `\n  ${name}: ${about}`).join('')}`);
  process.exit(2);
}
const seed = number(values.seed);
exitOnSignals();
for (const { name, about, defaults, run } of chosen) {
  note(`${name}, seed ${seed}: ${about}`);
  const started = performance.now();
  const outcome = await run({
    seed,
    jobs: values.jobs === undefined ? defaults.jobs : number(values.jobs),
    runs: values.runs === undefined ? defaults.runs : number(values.runs),
    quick: values.quick,
    ...(values.attack !== undefined && { attacks: values.attack }),
    ...(values.logs !== undefined && { logsTo: join(values.logs, `${name}-${seed}`) }),
    note: (text) => note(`${((performance.now() - started) / 1_000).toFixed(1).padStart(7)} s  ${text}`),
  });
  note(factsLine(outcome));
  process.stdout.write(`${outcomeLine(name, seed, outcome)}\n`);
  if (!holds(outcome)) process.exitCode = 1;
}
