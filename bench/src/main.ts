import { appendFile, mkdir } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { exitOnSignals, temporaryFolder } from '@slipway/local';
import type { Figures } from './scenario.js';
import { scenarios } from './scenarios/index.js';

const results = fileURLToPath(new URL('../results', import.meta.url));
const note = (text: string) => process.stderr.write(`${text}\n`);

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { variant: { type: 'string' }, minutes: { type: 'string' } },
});
const variant = values.variant === undefined ? '' : `-${values.variant}`;
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
if (minutes !== undefined && !(minutes > 0)) {
  note(`--minutes ${values.minutes} is not a number of minutes`);
  process.exit(2);
}
const wanted = positionals.map((name) => `${name}${variant}`.toLowerCase());
const chosen = scenarios.filter(({ name }) => wanted.length === 0 || wanted.includes(name.toLowerCase()));
if (chosen.length < wanted.length) {
  note(`no such scenario; there are ${scenarios.map(({ name, about }) => `\n  ${name}: ${about}`).join('')}`);
  process.exit(2);
}
exitOnSignals();
for (const { name, about, run } of chosen) {
  note(`${name}: ${about}`);
  const { path: folder, remove } = await temporaryFolder();
  try {
    const figures = await run({ folder, note, minutes });
    await keepReport(results, name, figures);
    process.stdout.write(`${reportLine(name, figures)}\n`);
  } finally {
    await remove();
  }
}

/** `P4 small_vs_tar=0.61 …`: the last line of a run, for people and scripts. */
function reportLine(name: string, figures: Figures): string {
  return [name, ...Object.entries(figures).map(([key, value]) => `${key}=${rounded(value)}`)].join(' ');
}

/** Adds a run, with the data of the machine it ran on, to `<folder>/<name>.jsonl`. */
async function keepReport(folder: string, name: string, figures: Figures): Promise<void> {
  const run = { scenario: name, date: new Date().toISOString(), figures, machine: machine() };
  await mkdir(folder, { recursive: true });
  await appendFile(join(folder, `${name}.jsonl`), `${JSON.stringify(run)}\n`);
}

/** Formats a number with three significant digits, and with all digits before the point. */
function rounded(value: number): string {
  return String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

function machine() {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim(),
    cores: all.length,
    memory_mb: Math.round(totalmem() / 2 ** 20),
    platform: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
  };
}
