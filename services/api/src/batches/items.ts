import { setImmediate as nextTurn } from 'node:timers/promises';
import { type BatchRequest, type JobRequest, jobRequestSchema } from '@slipway/shared/contracts';
import type { FieldError } from '@slipway/shared/errors';
import { fieldErrors } from '../http/validate.js';
import { itemsRefused, maxItemErrors } from './resolve-items.js';

type Fields = Readonly<Record<string, unknown>>;

/** Others are answered after so many items. */
const itemsATurn = 200;
/** Fields of which an item gives some entries and the defaults the others. */
const merged = ['build_args', 'labels'] as const;

/** The items of a batch, each with the defaults. Throws `batch_invalid`, with paths that begin at `/items`. */
export async function parseItems({
  defaults,
  items,
}: Pick<BatchRequest, 'defaults' | 'items'>): Promise<JobRequest[]> {
  const requests: JobRequest[] = [];
  const errors: FieldError[] = [];
  for (const [at, item] of items.entries()) {
    if (errors.length >= maxItemErrors) break;
    const result = jobRequestSchema.safeParse(withDefaults(item, defaults));
    if (result.success) requests.push(result.data);
    else {
      errors.push(
        ...fieldErrors(result.error).map(({ path, message }) => ({ path: `/items/${at}${path}`, message })),
      );
    }
    if (at % itemsATurn === itemsATurn - 1) await nextTurn();
  }
  if (errors.length > 0) throw itemsRefused(errors);
  return requests;
}

function withDefaults(item: Fields, defaults: Fields): Fields {
  const together = { ...defaults, ...item };
  for (const field of merged) {
    const [base, own] = [defaults[field], item[field]];
    if (isFields(base) && isFields(own)) together[field] = { ...base, ...own };
  }
  return together;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
