import { expect } from 'vitest';
import { type Chaos, mustBeZero } from './scenario.js';
import { scenarios } from './scenarios/index.js';

/** Small loads and short outages for CI, with the default settings. `pnpm chaos` runs longer scenarios, with other seeds. */
const sizes: Readonly<Record<string, Pick<Chaos, 'jobs' | 'runs'>>> = {
  R1: { jobs: 250, runs: 0 },
  R2: { jobs: 0, runs: 1 },
  R3: { jobs: 6, runs: 1 },
  R4: { jobs: 60, runs: 2 },
  R5: { jobs: 150, runs: 2 },
  R6: { jobs: 150, runs: 0 },
  R7: { jobs: 200, runs: 1 },
  R8: { jobs: 80, runs: 0 },
  R9: { jobs: 20, runs: 1 },
  R10: { jobs: 100, runs: 0 },
  R11: { jobs: 1, runs: 50 },
  R12: { jobs: 0, runs: 0 },
  R13: { jobs: 100, runs: 1 },
  R14: { jobs: 40, runs: 1 },
  R15: { jobs: 60, runs: 1 },
  R16: { jobs: 60, runs: 1 },
  R17: { jobs: 0, runs: 1 },
  R18: { jobs: 120, runs: 1 },
  R19: { jobs: 80, runs: 1 },
  R20: { jobs: 200, runs: 0 },
};

const named = (...names: readonly string[]) => scenarios.filter(({ name }) => names.includes(name));

/** Scenarios that fail only by what happened, not by how long it took. Other tests may run beside them. */
export const patientScenarios = named('R3', 'R10', 'R12', 'R16', 'R17', 'R18');

/** Waits for minutes, as long as the retry schedule says. Other tests may run beside it. */
export const receiverScenarios = named('R8');

export const aloneScenarios = scenarios.filter(
  (scenario) => ![...patientScenarios, ...receiverScenarios].includes(scenario),
);

/** Runs a scenario with a small load, and expects that no job is lost and no other fault is counted. */
export async function expectNoFault({ name, run }: (typeof scenarios)[number]): Promise<void> {
  const notes: string[] = [];
  const size = sizes[name];
  if (!size) throw new Error(`${name} has no size here`);
  const outcome = await run({ ...size, seed: 1, quick: true, note: (text) => notes.push(text) });
  const found = Object.entries(mustBeZero(outcome)).filter(([, count]) => count !== 0);
  expect(found, notes.join('\n')).toEqual([]);
}
