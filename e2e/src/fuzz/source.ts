import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from '@slipway/simulator';
import { startCoverage } from './coverage.js';
import { fuzz } from './fuzz.js';

interface FuzzSourceOptions {
  readonly seconds: number;
  readonly seed: string;
  /** The folder that findings are written to. */
  readonly folder: string;
  readonly note: (text: string) => void;
}

/** Mutates archives. Returns the number of findings. */
export async function fuzzSource({ seconds, seed, folder, note }: FuzzSourceOptions): Promise<number> {
  // Starts before the fuzzed code loads, because V8 counts only blocks compiled later.
  const coverage = await startCoverage(/\/shared\/dist\/source\//);
  const { sourceSeeds, sourceTarget } = await import('./source-target.js');
  const outcome = await fuzz({
    target: await sourceTarget(),
    seeds: sourceSeeds(),
    coverage,
    random: seededRandom(seed),
    seconds,
    maxBytes: 16 * 1024,
    note,
    async onFinding({ input, error }) {
      await mkdir(folder, { recursive: true });
      const file = join(folder, `source-${Buffer.from(error.message).toString('hex').slice(0, 24)}.tar`);
      await writeFile(file, input);
      note(`${file}\n${error.stack}`);
    },
  });
  await coverage.stop();
  const { executions, corpus, seen, findings } = outcome;
  process.stdout.write(
    `fuzz source findings=${findings} executions=${executions} corpus=${corpus} blocks=${seen} seed=${seed}\n`,
  );
  return findings;
}
