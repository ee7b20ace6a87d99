import { appendFile, mkdir } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Figures } from './scenario.js';

/** `P4 small_vs_tar=0.61 …`: the last line of a run, for people and scripts. */
export function reportLine(name: string, figures: Figures): string {
  return [name, ...Object.entries(figures).map(([key, value]) => `${key}=${rounded(value)}`)].join(' ');
}

/** Adds a run, with the data of the machine it ran on, to `<folder>/<name>.jsonl`. */
export async function keepReport(folder: string, name: string, figures: Figures): Promise<void> {
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
