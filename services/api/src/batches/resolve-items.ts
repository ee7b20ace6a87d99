import { hash } from 'node:crypto';
import type { JobRequest, JobSpec } from '@slipway/shared/contracts';
import { errorRow, type FieldError, SlipwayError, shownValue } from '@slipway/shared/errors';
import type { GitHeads } from '../git/git-sources.js';
import { findFiles, type ResolveDeps, resolveRequest } from '../jobs/resolve.js';
import type { Account } from '../tenants/account.js';

/** Limit of sources fetched at once. */
const atOnce = 8;
/** More errors are of no use to the caller. */
export const maxItemErrors = 100;

/**
 * Returns `batch_invalid` with the errors of each item. The detail names the first item by its number, and by its function if
 * `functionOf` knows it.
 */
export function itemsRefused(
  errors: readonly FieldError[],
  functionOf: (at: number) => unknown = () => undefined,
): SlipwayError {
  const [first] = errors;
  return new SlipwayError(
    'batch_invalid',
    first ? `${placeOf(first, functionOf)}: ${first.message}` : 'Items of the batch are not valid.',
    { errors: errors.slice(0, maxItemErrors) },
  );
}

/** Returns `items[17] (ns/fn)/image`, or the path in the body. */
function placeOf({ path }: FieldError, functionOf: (at: number) => unknown): string {
  const [, at, below = ''] = /^\/items\/(\d+)(.*)$/s.exec(path) ?? [];
  if (at === undefined) return `body${path}`;
  const name = functionOf(Number(at));
  const shown = typeof name === 'string' ? ` (${shownValue(name)?.slice(1, -1)})` : '';
  return `items[${at}]${shown}${below}`;
}

/**
 * Resolves the references of all requests, each distinct source and template once. Throws `batch_invalid` with the errors of every
 * item whose source or template is missing; paths begin at `/items`.
 */
export async function resolveItems(
  requests: readonly JobRequest[],
  tenant: Account,
  deps: ResolveDeps,
): Promise<JobSpec[]> {
  const heads: GitHeads = new Map();
  const groups = new Map<string, number[]>();
  // Items without a source of their own share one object, which may hold a whole tree of files.
  const digests = new Map<JobRequest['source'], string>();
  const digestOf = (source: JobRequest['source']) => {
    const digest = digests.get(source) ?? hash('sha256', JSON.stringify(source));
    digests.set(source, digest);
    return digest;
  };
  for (const [at, { source, template = '', laid_over }] of requests.entries()) {
    const key = `${digestOf(source)} ${template} ${laid_over ? JSON.stringify(laid_over) : ''}`;
    const group = groups.get(key);
    if (group) group.push(at);
    else groups.set(key, [at]);
  }
  const specs = new Array<JobSpec>(requests.length);
  const refused: [number, FieldError][] = [];
  const queue = groups.values();
  const work = async () => {
    for (const items of queue) {
      const first = requests[items[0] as number] as JobRequest;
      try {
        const found = await findFiles(first, tenant, deps, heads);
        for (const at of items) {
          if (refused.length >= maxItemErrors) return;
          try {
            const request = requests[at] as JobRequest;
            specs[at] = await resolveRequest(request, tenant, deps, async () => found);
          } catch (error) {
            if (!(error instanceof SlipwayError)) throw error;
            for (const each of itemErrors(at, error)) refused.push([at, each]);
          }
        }
      } catch (error) {
        if (!(error instanceof SlipwayError) || errorRow(error.code).fault !== 'user') throw error;
        for (const at of items) for (const each of itemErrors(at, error)) refused.push([at, each]);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  if (refused.length > 0) {
    const inOrder = refused.sort(([a], [b]) => a - b).map(([, each]) => each);
    throw itemsRefused(inOrder, (at) => requests[at]?.function);
  }
  return specs;
}

/** Returns the errors of an item, with paths that begin at `/items`. */
export function itemErrors(at: number, error: SlipwayError): FieldError[] {
  const own = error.errors ?? [{ path: '', message: error.message }];
  return own.map(({ path, message }) => ({ path: `/items/${at}${path}`, message }));
}
