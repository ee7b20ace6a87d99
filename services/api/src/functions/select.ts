import type { CurrentBase, FunctionRecord, FunctionStore } from '@slipway/control-plane/functions';
import { baseImageFits, type FunctionSelector, familiarImage } from '@slipway/shared/contracts';
import { shortDigest } from '@slipway/shared/formatting';

/** The criteria of a selector other than explicit names. */
export type Criteria = Omit<FunctionSelector, 'functions'>;

interface Match {
  /** The criteria that the function matches, as texts. */
  readonly reasons: readonly string[];
  /** The base images that `base_image` and `behind` found, as canonical references. */
  readonly bases: readonly string[];
}

/**
 * Returns how a function matches the criteria; undefined when it does not match all of them. `newest`: the newest base images, which
 * `behind` needs.
 */
export function matchOf(
  record: FunctionRecord,
  criteria: Criteria,
  newest: ReadonlyMap<string, CurrentBase> = new Map(),
): Match | undefined {
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
  const { base_image: wanted, behind } = criteria;
  if (wanted === undefined && !behind) return { reasons, bases: [] };
  const fits = (image: string) => wanted === undefined || baseImageFits(wanted, image);
  if (!behind) {
    const bases = (built?.baseImages ?? []).filter(fits);
    if (bases.length === 0) return undefined;
    return { reasons: [...reasons, ...bases.map((image) => `base image ${familiarImage(image)}`)], bases };
  }
  const old = (built?.bases ?? []).flatMap((base) => {
    const { reference, digest } = base;
    const current = newest.get(reference);
    if (!fits(reference) || digest === undefined || !current?.isBehind(base)) return [];
    return { reference, digest, current: current.digest };
  });
  if (old.length === 0) return undefined;
  const words = old.map(
    ({ reference, digest, current }) =>
      `behind ${familiarImage(reference)}: built from ${shortDigest(digest)}, the newest is ${shortDigest(current)}`,
  );
  return { reasons: [...reasons, ...words], bases: old.map(({ reference }) => reference) };
}

interface Selected extends Match {
  readonly record: FunctionRecord;
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
  const newest = criteria.behind ? await functions.currentBases(tenant) : undefined;
  if (names) {
    const wanted = [...new Set(names)];
    const records = await functions.getMany(tenant, wanted);
    const known = new Set(records.map(({ name }) => name));
    for (const record of records) {
      const match = matchOf(record, criteria, newest);
      if (match) selected.push({ record, bases: match.bases, reasons: ['named', ...match.reasons] });
    }
    return { selected, unknown: wanted.filter((name) => !known.has(name)), more: false };
  }
  for await (const { records } of functions.walk(tenant, { namespace: criteria.namespace })) {
    for (const record of records) {
      const match = matchOf(record, criteria, newest);
      if (!match) continue;
      if (selected.length === limit) return { selected, unknown: [], more: true };
      selected.push({ record, ...match });
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
