import type { FunctionRecord, FunctionStore } from '@slipway/control-plane/functions';
import { baseImageFits, type FunctionSelector, familiarImage } from '@slipway/shared/contracts';

/** The criteria of a selector other than explicit names. */
export type Criteria = Omit<FunctionSelector, 'functions'>;

/** Returns a text with the criteria that a function matches; undefined when it does not match all of them. */
export function reasonsFor(record: FunctionRecord, criteria: Criteria): string[] | undefined {
  const { spec, built } = record;
  const [namespace, name = ''] = record.name.split('/', 2);
  const reasons: string[] = [];
  if (criteria.namespace !== undefined) {
    if (namespace !== criteria.namespace) return undefined;
    reasons.push(`namespace ${criteria.namespace}`);
  }
  if (criteria.name !== undefined) {
    if (!globFits(criteria.name, name)) return undefined;
    reasons.push(`name matches ${criteria.name}`);
  }
  for (const [label, value] of Object.entries(criteria.labels ?? {})) {
    if (!Object.hasOwn(spec.labels, label) || spec.labels[label] !== value) return undefined;
    reasons.push(`label ${label}=${value}`);
  }
  if (criteria.template !== undefined) {
    if (spec.template?.name !== criteria.template) return undefined;
    reasons.push(`template ${criteria.template}`);
  }
  if (criteria.base_image !== undefined) {
    const wanted = criteria.base_image;
    const fitting = (built?.baseImages ?? []).filter((image) => baseImageFits(wanted, image));
    if (fitting.length === 0) return undefined;
    reasons.push(...fitting.map((image) => `base image ${familiarImage(image)}`));
  }
  return reasons;
}

interface Selected {
  readonly record: FunctionRecord;
  readonly reasons: readonly string[];
}

export interface Selection {
  readonly selected: readonly Selected[];
  /** Explicit names that do not exist. */
  readonly unknown: readonly string[];
  /** True if more than `limit` functions match. */
  readonly more: boolean;
}

interface SelectOptions {
  readonly functions: FunctionStore;
  readonly tenant: string;
  readonly selector: FunctionSelector;
  readonly limit: number;
}

/** Returns a tenant's functions that match the selector, with the reasons. */
export async function selectFunctions(options: SelectOptions): Promise<Selection> {
  const { functions, tenant, limit } = options;
  const { functions: names, ...criteria } = options.selector;
  const selected: Selected[] = [];
  if (names) {
    const wanted = [...new Set(names)];
    const records = await functions.getMany(tenant, wanted);
    const known = new Set(records.map(({ name }) => name));
    for (const record of records) {
      const reasons = reasonsFor(record, criteria);
      if (reasons) selected.push({ record, reasons: ['named', ...reasons] });
    }
    return { selected, unknown: wanted.filter((name) => !known.has(name)), more: false };
  }
  for await (const { records } of functions.walk(tenant, { namespace: criteria.namespace })) {
    for (const record of records) {
      const reasons = reasonsFor(record, criteria);
      if (!reasons) continue;
      if (selected.length === limit) return { selected, unknown: [], more: true };
      selected.push({ record, reasons });
    }
  }
  return { selected, unknown: [], more: false };
}

/**
 * Returns true if `text` matches `pattern`, in which `*` stands for any characters, or none, and every other character for itself.
 * Takes at most the product of both lengths, for any pattern.
 */
export function globFits(pattern: string, text: string): boolean {
  let [at, of] = [0, 0];
  // The position of the last `*`, and the end of the text that it matches.
  let star = -1;
  let reach = 0;
  while (at < text.length) {
    if (pattern[of] === '*') {
      star = of++;
      reach = at;
    } else if (pattern[of] === text[at]) {
      at++;
      of++;
    } else if (star >= 0) {
      of = star + 1;
      at = ++reach;
    } else return false;
  }
  while (pattern[of] === '*') of++;
  return of === pattern.length;
}
