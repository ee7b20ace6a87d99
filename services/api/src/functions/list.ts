import type { FunctionRecord, FunctionStore } from '@slipway/control-plane/functions';
import { type Criteria, reasonsFor } from './select.js';

interface ListOptions {
  readonly functions: FunctionStore;
  readonly tenant: string;
  readonly criteria: Criteria;
  readonly limit: number;
  /** The name after which the page begins. */
  readonly after: string | undefined;
}

interface FunctionPage {
  readonly records: readonly FunctionRecord[];
  /** The name after which the next page begins; undefined on the last page. */
  readonly next: string | undefined;
}

/** Limit of records read for one page. The page then ends early with a cursor. */
const maxLookedAt = 5_000;

/** Returns a page of functions, by name. */
export async function listFunctions(options: ListOptions): Promise<FunctionPage> {
  const { functions, tenant, criteria, limit, after } = options;
  const found: FunctionRecord[] = [];
  let lookedAt = 0;
  for await (const { records, upTo } of functions.walk(tenant, { namespace: criteria.namespace, after })) {
    for (const record of records) {
      if (!reasonsFor(record, criteria)) continue;
      if (found.length === limit) return { records: found, next: found.at(-1)?.name };
      found.push(record);
    }
    lookedAt += records.length;
    if (lookedAt >= maxLookedAt) return { records: found, next: upTo };
  }
  return { records: found, next: undefined };
}
