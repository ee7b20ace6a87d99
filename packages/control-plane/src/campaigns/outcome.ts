import { type Comparison, type ComparisonOutcome, comparisonOutcomes } from '@slipway/shared/contracts';
import type { JobRecord } from '../jobs/index.js';

/** The result of the job of a function. */
export interface FunctionResult {
  readonly state: ComparisonOutcome;
  readonly digest?: string;
  /** Why the job failed or was canceled. */
  readonly code?: string;
}

/**
 * Returns how the new image of a function compares with the image of its last success, by their digests. A function without a success before has
 * changed. A job whose record was removed is unknown. Returns `waiting` or `running` for a job that has not ended.
 */
export function outcomeOf(
  job: Pick<JobRecord, 'state' | 'result' | 'error'> | undefined,
  before: { readonly built: boolean; readonly digest?: string | undefined },
): FunctionResult | { readonly state: 'waiting' | 'running' } {
  if (!job) return { state: 'unknown' };
  const { state, result, error } = job;
  switch (state) {
    case 'queued':
      return { state: 'waiting' };
    case 'running':
      return { state: 'running' };
    case 'failed':
    case 'canceled':
      return { state, ...(error && { code: error.code }) };
    case 'succeeded': {
      const digest = result?.digest;
      if (!before.built) return { state: 'changed', ...(digest !== undefined && { digest }) };
      if (digest === undefined) return { state: 'unknown' };
      if (before.digest === undefined) return { state: 'unknown', digest };
      return { state: digest === before.digest ? 'unchanged' : 'changed', digest };
    }
  }
}

/** Returns how many results there are of each kind. */
export function countResults(results: Iterable<Pick<FunctionResult, 'state'>>): Comparison {
  const counts = Object.fromEntries(comparisonOutcomes.map((name) => [name, 0])) as Comparison;
  for (const { state } of results) counts[state]++;
  return counts;
}
