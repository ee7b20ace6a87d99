import { mustBeZero, type Outcome } from './scenario.js';

/** `R1 lost=0 duplicated=0 conflicting=0 undelivered=0 seed=1`, figures of the scenario, then the other faults that are not 0. */
export function outcomeLine(name: string, seed: number, outcome: Outcome): string {
  const { lost, duplicated, conflicting, undelivered, faults, figures } = outcome;
  const others = Object.fromEntries(Object.entries(faults).filter(([, value]) => value !== 0));
  return [name, ...pairs({ lost, duplicated, conflicting, undelivered, seed, ...figures, ...others })].join(
    ' ',
  );
}

export const factsLine = (outcome: Outcome): string =>
  pairs({ ...outcome.facts, ...outcome.faults }).join(' ');

export const holds = (outcome: Outcome): boolean =>
  Object.values(mustBeZero(outcome)).every((value) => value === 0);

/** `key=value` for each. */
export const pairs = (values: Readonly<Record<string, number>>) =>
  Object.entries(values).map(([key, value]) => `${key}=${value}`);
