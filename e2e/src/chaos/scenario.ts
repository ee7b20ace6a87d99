import type { Verdict } from './ledger/ledger.js';

/** The parameters of a scenario. */
export interface Chaos {
  /** The seed of the random generator. The same seed injects the same faults at the same times. */
  readonly seed: number;
  /** The number of jobs to submit, in scenarios with a load. */
  readonly jobs: number;
  /** The number of times that the fault is injected, in scenarios that count repetitions. */
  readonly runs: number;
  /** True for shorter outages, on a busy machine. The settings keep their defaults. */
  readonly quick: boolean;
  /** Names of the attacks to run, in scenarios that have some. All when left out. */
  readonly attacks?: readonly string[];
  /** The folder for the logs of all processes. When left out, the logs are not kept. */
  readonly logsTo?: string;
  /** Prints progress and findings, with the time since the start. */
  readonly note: (text: string) => void;
}

export interface Outcome extends Verdict {
  /** More counts that must be 0. */
  readonly faults: Readonly<Record<string, number>>;
  /** Figures for the last line, besides the faults. */
  readonly figures?: Readonly<Record<string, number>>;
  /** Counts for information only. */
  readonly facts: Readonly<Record<string, number>>;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** The values for options that the command line leaves out. */
  readonly defaults: { readonly jobs: number; readonly runs: number };
  run(chaos: Chaos): Promise<Outcome>;
}

/** Returns all counts of an outcome that must be 0. */
export const mustBeZero = ({ lost, duplicated, conflicting, undelivered, faults }: Outcome) => ({
  lost,
  duplicated,
  conflicting,
  undelivered,
  ...faults,
});

/** Returns one outcome for several parts of a scenario: each count is a sum. */
export function sumOf(outcomes: readonly Outcome[]): Outcome {
  const sum = (counts: readonly Readonly<Record<string, number>>[]) => {
    const total: Record<string, number> = {};
    for (const [name, count] of counts.flatMap((each) => Object.entries(each)))
      total[name] = (total[name] ?? 0) + count;
    return total;
  };
  const of = (what: 'lost' | 'duplicated' | 'conflicting' | 'undelivered') =>
    outcomes.reduce((total, outcome) => total + outcome[what], 0);
  return {
    ...{ lost: of('lost'), duplicated: of('duplicated') },
    ...{ conflicting: of('conflicting'), undelivered: of('undelivered') },
    faults: sum(outcomes.map(({ faults }) => faults)),
    figures: sum(outcomes.map(({ figures = {} }) => figures)),
    facts: sum(outcomes.map(({ facts }) => facts)),
  };
}
