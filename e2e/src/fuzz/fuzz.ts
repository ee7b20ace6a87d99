import type { Coverage } from './coverage.js';
import { mutate } from './mutate.js';

interface FuzzOptions {
  /** Rejects or throws when the target handles the input wrongly. */
  readonly target: (input: Buffer) => Promise<void>;
  readonly seeds: readonly Buffer[];
  readonly coverage: Coverage;
  readonly random: () => number;
  readonly seconds: number;
  /** The most bytes of an input. */
  readonly maxBytes: number;
  readonly onFinding: (finding: Finding) => Promise<void>;
  readonly note: (text: string) => void;
}

interface Finding {
  readonly input: Buffer;
  readonly error: Error;
}

export interface FuzzOutcome {
  readonly executions: number;
  /** Inputs that each ran code that no earlier input ran. */
  readonly corpus: number;
  readonly seen: number;
  readonly findings: number;
}

/** Mutants that run between two reads of the coverage. One read takes as long as several mutants. */
const batchSize = 24;
const noteEveryMs = 10_000;
const maxFindings = 20;

/**
 * Fuzzes with feedback. An input that runs a new block of code, or a block an order of magnitude more often, is kept
 * and mutated further. Newer inputs are chosen more often.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzOutcome> {
  const { target, seeds, coverage, random, seconds, maxBytes, onFinding, note } = options;
  const seen = new Set<string>();
  const corpus: Buffer[] = [];
  const reported = new Set<string>();
  let executions = 0;

  const run = async (input: Buffer) => {
    executions++;
    try {
      await target(input);
    } catch (error) {
      const finding = { input, error: error as Error };
      if (reported.has(finding.error.message)) return;
      reported.add(finding.error.message);
      note(`found: ${finding.error.message}`);
      await onFinding(finding);
    }
  };
  const takeNew = async () => {
    const fresh = (await coverage.take()).filter((block) => !seen.has(block));
    for (const block of fresh) seen.add(block);
    return fresh.length > 0;
  };
  /** Runs one input alone, and keeps it if it runs new code. */
  const keepIfNew = async (input: Buffer) => {
    await run(input);
    if (await takeNew()) corpus.push(input);
  };

  await coverage.take();
  for (const seed of seeds) await keepIfNew(seed.subarray(0, maxBytes));
  note(`${seeds.length} seeds, ${corpus.length} of which do something of their own`);
  const pick = () => corpus[Math.floor((1 - random() ** 2) * corpus.length)] ?? (corpus.at(-1) as Buffer);
  const until = performance.now() + seconds * 1_000;
  for (let noted = performance.now(); performance.now() < until && reported.size < maxFindings; ) {
    const batch = Array.from({ length: batchSize }, () =>
      mutate({ input: pick(), other: pick(), random, maxBytes }),
    );
    for (const input of batch) await run(input);
    const fresh = (await coverage.take()).filter((block) => !seen.has(block));
    // One of the mutants ran new code. Each runs again alone to find it. Coverage that only all together reach then counts as seen.
    if (fresh.length > 0) {
      for (const input of batch) await keepIfNew(input);
      for (const block of fresh) seen.add(block);
    }
    if (performance.now() - noted < noteEveryMs) continue;
    noted = performance.now();
    note(`${executions} executions, ${seen.size} blocks, ${corpus.length} inputs kept`);
  }
  return { executions, corpus: corpus.length, seen: seen.size, findings: reported.size };
}
