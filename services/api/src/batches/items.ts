import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type BatchRequest,
  type GitSource,
  type JobRequest,
  jobRequestSchema,
  mapFields,
} from '@slipway/shared/contracts';
import { type FieldError, SlipwayError } from '@slipway/shared/errors';
import { fieldErrors } from '../http/validate.js';
import { itemsRefused, maxItemErrors } from './resolve-items.js';

type Fields = Readonly<Record<string, unknown>>;

/** Milliseconds of parsing after which the loop yields to other requests. */
const turnMs = 20;
const { source: sourceSchema } = jobRequestSchema.shape;
const withoutSource = jobRequestSchema.omit({ source: true });
/** Limit of the defaults without their source, in bytes of JSON. They are parsed again for each item. It is the limit of a single job. */
const maxDefaultsBytes = 1024 * 1024;
/** Limit of the defaults multiplied by the number of items, in bytes: each item gets all defaults. */
const maxMergedBytes = 160 * 1024 * 1024;
/** Memory of a map entry besides its text. */
const entryBytes = 64;

export function batchTooLarge(maxBytes: number): SlipwayError {
  return new SlipwayError(
    'batch_too_large',
    `The items, each with its defaults, may take ${maxBytes} bytes together.`,
  );
}

/**
 * Returns the items of a batch, each with the defaults. Throws `batch_too_large`, or `batch_invalid` with paths that begin at
 * `/items`.
 */
export async function parseItems({
  defaults,
  items,
}: Pick<BatchRequest, 'defaults' | 'items'>): Promise<JobRequest[]> {
  const { source, ...others } = defaults;
  const bytes = JSON.stringify(others).length;
  if (bytes > maxDefaultsBytes) {
    throw itemsRefused([
      { path: '/defaults', message: `must not take more than ${maxDefaultsBytes} bytes beside their source` },
    ]);
  }
  const entries = mapFields.reduce((sum, field) => sum + Object.keys(others[field] ?? {}).length, 0);
  if (items.length * (bytes + entries * entryBytes) > maxMergedBytes) throw batchTooLarge(maxMergedBytes);
  // The source may hold a whole tree of files, so it is parsed once instead of per item.
  const shared = source === undefined ? undefined : sourceSchema.safeParse(source);
  const sharedErrors = shared?.error ? fieldErrors(shared.error, source) : [];
  const requests: JobRequest[] = [];
  const errors: FieldError[] = [];
  let since = performance.now();
  for (const [at, item] of items.entries()) {
    if (errors.length >= maxItemErrors) break;
    const refuse = (found: readonly FieldError[], under = '') => {
      for (const { path, message } of found.slice(0, maxItemErrors)) {
        errors.push({ path: `/items/${at}${under}${path}`, message });
      }
    };
    if (shared && !Object.hasOwn(item, 'source')) {
      const value = withDefaults(item, others);
      const result = withoutSource.safeParse(value);
      if (result.error) refuse(fieldErrors(result.error, value));
      refuse(sharedErrors, '/source');
      if (result.success && shared.success) requests.push({ ...result.data, source: shared.data });
    } else {
      const value = withDefaults(item, defaults);
      const result = jobRequestSchema.safeParse(value);
      if (result.success) requests.push(result.data);
      else refuse(fieldErrors(result.error, value));
    }
    if (performance.now() - since > turnMs) {
      await nextTurn();
      since = performance.now();
    }
  }
  if (errors.length > 0) throw itemsRefused(errors, (at) => items[at]?.function ?? defaults.function);
  return requests;
}

/** Returns the git repositories that a batch names and that are valid. */
export function gitSourcesOf({ defaults, items }: Pick<BatchRequest, 'defaults' | 'items'>): GitSource[] {
  return [defaults, ...items].flatMap(({ source }) => {
    if (!isFields(source) || !Object.hasOwn(source, 'git')) return [];
    const { data } = sourceSchema.safeParse(source);
    return data && 'git' in data ? [data.git] : [];
  });
}

function withDefaults(item: Fields, defaults: Fields): Fields {
  const together = { ...defaults, ...item };
  for (const field of mapFields) {
    const [base, own] = [defaults[field], item[field]];
    if (isFields(base) && isFields(own)) together[field] = { ...base, ...own };
  }
  return together;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
