import type { PoolState } from '@slipway/control-plane/replicas';
import type { JobSpec } from '@slipway/shared/contracts';
import { type FieldError, SlipwayError } from '@slipway/shared/errors';
import { choosePool, type Placed } from '../jobs/resolve/pool.js';
import { type Account, checkAllowed } from '../tenants/account.js';
import { itemErrors, itemsRefused } from './resolve-items.js';

/** Returns the pool of each job. Throws `batch_invalid` with every job that the tenant may not build, or that no pool can build. */
export function placeItems(
  specs: readonly JobSpec[],
  account: Account,
  pools: readonly PoolState[],
): (Placed | undefined)[] {
  const refused: FieldError[] = [];
  const chosen = specs.map((spec, at) => {
    try {
      checkAllowed(spec, account);
      return choosePool(spec, pools, account.settings.pools);
    } catch (error) {
      if (!(error instanceof SlipwayError)) throw error;
      refused.push(...itemErrors(at, error));
      return undefined;
    }
  });
  if (refused.length > 0) throw itemsRefused(refused);
  return chosen;
}
