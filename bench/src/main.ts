import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { keepReport, reportLine } from './report.js';
import { scenarios } from './scenarios/index.js';

const results = fileURLToPath(new URL('../results', import.meta.url));
const note = (text: string) => process.stderr.write(`${text}\n`);

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { variant: { type: 'string' } },
});
const variant = values.variant === undefined ? '' : `-${values.variant}`;
const wanted = positionals.map((name) => `${name}${variant}`.toLowerCase());
const chosen = scenarios.filter(({ name }) => wanted.length === 0 || wanted.includes(name.toLowerCase()));
if (chosen.length < wanted.length) {
  note(`no such scenario; there are ${scenarios.map(({ name, about }) => `\n  ${name}: ${about}`).join('')}`);
  process.exit(2);
}
for (const { name, about, run } of chosen) {
  note(`${name}: ${about}`);
  const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'));
  try {
    const figures = await run({ folder, note });
    await keepReport(results, name, figures);
    process.stdout.write(`${reportLine(name, figures)}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
