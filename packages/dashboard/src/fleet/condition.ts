import type { Builder } from '@slipway/client';
import { type ReplicaCondition, replicaCondition } from '@slipway/shared/contracts';

interface Condition {
  readonly tone: 'good' | 'warn' | 'bad';
  readonly sign: string;
  readonly word: string;
}

/** Returns how the page shows a replica. */
export const conditionOf = (builder: Builder): Condition => conditions[replicaCondition(builder)];

const conditions: Readonly<Record<ReplicaCondition, Condition>> = {
  down: { tone: 'bad', sign: '✕', word: 'Down' },
  broken: { tone: 'bad', sign: '✕', word: 'Broken' },
  'circuit open': { tone: 'bad', sign: '✕', word: 'Circuit open' },
  'circuit probing': { tone: 'warn', sign: '?', word: 'Being probed' },
  draining: { tone: 'warn', sign: '‖', word: 'Draining' },
  unknown: { tone: 'warn', sign: '?', word: 'Not checked yet' },
  full: { tone: 'good', sign: '✓', word: 'Full' },
  up: { tone: 'good', sign: '✓', word: 'Up' },
};
