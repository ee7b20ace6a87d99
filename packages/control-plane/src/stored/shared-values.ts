import { hash } from 'node:crypto';
import { type Base, type JobSpec, mapFields } from '@slipway/shared/contracts';

/** Fields of a spec that are stored separately when they are large, because many jobs have the same values. */
const shareable = [...mapFields, 'secrets', 'callback', 'vcs'] as const;
type Shareable = (typeof shareable)[number];
type MapField = (typeof mapFields)[number];
type TextMap = Readonly<Record<string, string>>;
const isMap = (name: string): name is MapField => (mapFields as readonly string[]).includes(name);

/** Entries that come from the defaults of a batch, or from the job that is repeated. */
export type SharedMaps = Readonly<Partial<Record<MapField, TextMap | undefined>>>;

/** Smaller values stay in the record: a separate value costs about 200 bytes. */
const minBytes = 256;

/** Returns the charged bytes of a value, as in lua/stored/include/values.lua. */
export const valueBytes = (text: string) => Math.ceil(Buffer.byteLength(text) * 1.25) + 200;

/** A spec as it is stored. */
export interface StoredSpec {
  /** The spec without the fields that are stored separately. */
  readonly own: Readonly<Record<string, unknown>>;
  /** `name=hash` of each value, separated by spaces. Values of one name are merged in this order, and `own` last. */
  readonly shared: string;
  /** The values by hash, as JSON. */
  readonly values: ReadonlyMap<string, string>;
}

/** Caches: thousands of items may have the same object of up to a megabyte. */
const texts = new WeakMap<object, string>();
const hashes = new WeakMap<object, string>();

function remembered(known: WeakMap<object, string>, value: object, make: () => string): string {
  const found = known.get(value) ?? make();
  known.set(value, found);
  return found;
}

const textOf = (value: object) => remembered(texts, value, () => JSON.stringify(value));
const hashOf = (value: object) =>
  remembered(hashes, value, () => hash('sha256', textOf(value), 'base64url').slice(0, 32));
const isLarge = (value: object) => textOf(value).length >= minBytes;

/** Returns a spec with its large values separated. `bases` are entries of its maps that other jobs have too. */
export function storedSpec(spec: JobSpec, bases: SharedMaps = {}): StoredSpec {
  const own: Record<string, unknown> = { ...spec };
  const shared: string[] = [];
  const values = new Map<string, string>();
  const share = (name: string, value: object) => {
    shared.push(`${name}=${hashOf(value)}`);
    values.set(hashOf(value), textOf(value));
  };
  for (const name of shareable) {
    const value = own[name] as object | undefined;
    if (value === undefined) continue;
    const base = isMap(name) ? bases[name] : undefined;
    let rest = value;
    if (base && isLarge(base) && hasAllOf(value as TextMap, base)) {
      share(name, base);
      rest = Object.fromEntries(Object.entries(value as TextMap).filter(([key, text]) => base[key] !== text));
    }
    if (isLarge(rest)) {
      share(name, rest);
      delete own[name];
    } else if (rest !== value && Object.keys(rest).length === 0) delete own[name];
    else own[name] = rest;
  }
  return { own, shared: shared.join(' '), values };
}

const hasAllOf = (value: TextMap, base: TextMap) =>
  Object.keys(base).every((key) => Object.hasOwn(value, key));

/** Returns the values of a job that the record of a part lists. Omits callback and CI settings: only the whole job reports its result. */
export const sharedOfPart = (shared: string) =>
  namesAndHashes(shared)
    .filter(({ name }) => name !== 'callback' && name !== 'vcs')
    .map(({ name, hash: key }) => `${name}=${key}`)
    .join(' ');

/** Parsed values by hash. */
export type SharedValues = ReadonlyMap<string, unknown>;

/** Returns the complete spec, and the maps with shared entries. Throws when a value is missing. */
export function wholeSpec(
  spec: JobSpec,
  shared: string | undefined,
  values: SharedValues,
): { readonly spec: JobSpec; readonly bases: SharedMaps } {
  if (shared === undefined || shared === '') return { spec, bases: {} };
  const fields: Record<string, unknown> = {};
  const bases: Record<string, unknown> = {};
  for (const { name, hash: key } of namesAndHashes(shared)) {
    if (!(shareable as readonly string[]).includes(name)) continue;
    const value = values.get(key);
    if (value === undefined) throw new Error(`its value ${name} is missing`);
    bases[name] ??= value;
    fields[name] = name in fields ? { ...(fields[name] as object), ...(value as object) } : value;
  }
  for (const [name, value] of Object.entries(fields)) {
    const rest = spec[name as Shareable];
    fields[name] = rest === undefined ? value : { ...(value as object), ...rest };
  }
  return {
    spec: { ...spec, ...fields } as JobSpec,
    bases: Object.fromEntries(mapFields.map((name) => [name, bases[name]])) as SharedMaps,
  };
}

/** Returns the value that a record lists under a name, if there is one. */
export function sharedValue(shared: string | undefined, wanted: string, values: SharedValues): unknown {
  const found = namesAndHashes(shared ?? '').find(({ name }) => name === wanted);
  return found && values.get(found.hash);
}

/** Returns the base images that a record lists; undefined if no digest of them is known. */
export function basesOf(shared: string | undefined, values: SharedValues): readonly Base[] | undefined {
  return sharedValue(shared, 'bases', values) as readonly Base[] | undefined;
}

export function namesAndHashes(shared: string): { readonly name: string; readonly hash: string }[] {
  return shared === ''
    ? []
    : shared.split(' ').map((each) => {
        const at = each.indexOf('=');
        return { name: each.slice(0, at), hash: each.slice(at + 1) };
      });
}

/** Returns values from the reply of a script: hash, value, … */
export function sharedValuesFrom(flat: readonly string[]): SharedValues {
  const values = new Map<string, unknown>();
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const text = flat[at + 1] as string;
    if (text !== '') values.set(flat[at] as string, JSON.parse(text));
  }
  return values;
}
