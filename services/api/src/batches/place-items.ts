import type { JobSpec } from '@slipway/shared/contracts';
import { type FieldError, SlipwayError } from '@slipway/shared/errors';
import type { PoolState } from '@slipway/shared/replicas';
import { choosePool } from '../jobs/resolve/pool.js';
import { itemErrors, itemsRefused } from './resolve-items.js';

/** The pool of each job. Throws `batch_invalid` with every job that no pool builds. */
export function placeItems(specs: readonly JobSpec[], pools: readonly PoolState[]): string[] {
  const refused: FieldError[] = [];
  const chosen = specs.map((spec, at) => {
    try {
      return choosePool(spec, pools);
    } catch (error) {
      if (!(error instanceof SlipwayError)) throw error;
      refused.push(...itemErrors(at, error));
      return '';
    }
  });
  if (refused.length > 0) throw itemsRefused(refused);
  return chosen;
}
