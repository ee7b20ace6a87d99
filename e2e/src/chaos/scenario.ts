import type { Verdict } from './ledger/ledger.js';

/** What a scenario gets to work with. */
export interface Chaos {
  /** Decides when and what is broken. The same seed breaks the same things at the same times. */
  readonly seed: number;
  /** How many jobs are submitted, in scenarios that have a load. */
  readonly jobs: number;
  /** How often the fault is injected, in scenarios that count so. */
  readonly runs: number;
  /** Shorter outages, for a machine that has other things to do. Settings stay as they ship. */
  readonly quick: boolean;
  /** Names of the attacks to run, in scenarios that have some. All when left out. */
  readonly attacks?: readonly string[];
  /** Where the logs of all processes are put at the end; nowhere when left out. */
  readonly logsTo?: string;
  /** Says what is done and found, with the time since the start. */
  readonly note: (text: string) => void;
}

export interface Outcome extends Verdict {
  /** What else must be 0. */
  readonly faults: Readonly<Record<string, number>>;
  /** What the last line says beside the faults. */
  readonly figures?: Readonly<Record<string, number>>;
  /** What is good to know. */
  readonly facts: Readonly<Record<string, number>>;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** What is taken where nothing is asked for. */
  readonly defaults: { readonly jobs: number; readonly runs: number };
  run(chaos: Chaos): Promise<Outcome>;
}

/** Everything in an outcome that must be 0. */
export const mustBeZero = ({ lost, duplicated, conflicting, undelivered, faults }: Outcome) => ({
  lost,
  duplicated,
  conflicting,
  undelivered,
  ...faults,
});
