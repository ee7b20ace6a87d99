/** The fields of a Redis hash. */
export type Fields = Readonly<Record<string, string>>;

/** Returns the fields of a hash that a script returned, as name, value, … */
export function fieldsOf(flat: readonly string[]): Fields {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) fields[flat[at] as string] = flat[at + 1] as string;
  return fields;
}

/** The largest time that a `Date` holds, in milliseconds. */
const maxTimeMs = 8.64e15;

/** Returns a number field. Throws when the field is absent or not a finite number. */
export function numberField(fields: Fields, name: string): number {
  const text = fields[name];
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new Error(`${name} is not a number: ${shown(text)}`);
  return value;
}

/** Returns a time in milliseconds since the epoch. Throws when the field is absent or not a time. */
export function timeField(fields: Fields, name: string): number {
  const value = numberField(fields, name);
  if (value < 0 || value > maxTimeMs) throw new Error(`${name} is not a time: ${shown(fields[name])}`);
  return value;
}

/** Returns a time like `timeField`, or undefined when the field is absent. */
export const optionalTimeField = (fields: Fields, name: string): number | undefined =>
  fields[name] === undefined ? undefined : timeField(fields, name);

/** Returns a JSON object. Throws when the field is absent or holds anything else. */
export function objectField<T extends object>(fields: Fields, name: string): T {
  const value: unknown = JSON.parse(fields[name] ?? '');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${name} is not a JSON object`);
  }
  return value as T;
}

/** Returns a JSON array, or an empty one when the field is absent. Throws when the field holds anything else. */
export function listField<T>(fields: Fields, name: string): T[] {
  const value: unknown = JSON.parse(fields[name] ?? '[]');
  if (!Array.isArray(value)) throw new Error(`${name} is not a JSON array`);
  return value as T[];
}

/** Returns a field that holds one of a set of words. Throws when it holds anything else. */
export function wordField<T extends string>(fields: Fields, name: string, words: readonly T[]): T {
  const found = words.find((word) => word === fields[name]);
  if (found === undefined) throw new Error(`${name} is unknown: ${shown(fields[name])}`);
  return found;
}

const shown = (text: string | undefined) =>
  text === undefined ? 'the field is absent' : JSON.stringify(text.slice(0, 40));
