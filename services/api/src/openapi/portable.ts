export type Json = Record<string, unknown>;

/**
 * Returns the schema in the vocabulary that client generators support. Schemas of answers (`output`) are open: older clients accept
 * fields and codes that are added later.
 */
export function portable(schema: unknown, io: 'input' | 'output'): unknown {
  if (Array.isArray(schema)) return schema.map((each) => portable(each, io));
  if (schema === null || typeof schema !== 'object') return schema;
  let own = schema as Json;
  for (const rule of rules) own = rule(own, io);
  return Object.fromEntries(
    Object.entries(own).map(([key, value]) => [
      key,
      key === 'properties'
        ? eachProperty(value as Json, io)
        : verbatim.has(key)
          ? value
          : portable(value, io),
    ]),
  );
}

/** Keywords that hold values, not schemas. */
const verbatim: ReadonlySet<string> = new Set(['enum', 'default', 'required', 'x-known-values']);

const eachProperty = (properties: Json, io: 'input' | 'output') =>
  Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, portable(value, io)]));

type Rule = (schema: Json, io: 'input' | 'output') => Json;

const without = (schema: Json, ...names: string[]): Json =>
  Object.fromEntries(Object.entries(schema).filter(([name]) => !names.includes(name)));

/** Removes the pattern of a time: the format implies it, and some generators reject such long patterns. */
const timeWithoutPattern: Rule = (schema) =>
  schema.format === 'date-time' ? without(schema, 'pattern') : schema;

/** Moves other defaults to the description: generators write a default into code, which works for text, numbers and booleans only. */
const plainDefault: Rule = (schema) => {
  const { default: value, description } = schema;
  if (value === null || typeof value !== 'object') return schema;
  const isEmpty = Object.keys(value).length === 0;
  const text = isEmpty ? 'Empty by default' : `Default: \`${JSON.stringify(value)}\``;
  return {
    ...without(schema, 'default'),
    description: description === undefined ? text : `${description}. ${text}`,
  };
};

const constAsEnum: Rule = (schema) =>
  'const' in schema ? { ...without(schema, 'const'), enum: [schema.const] } : schema;

/** Merges a union of text forms into text, and a union of a value and its list into the list: a query repeats the name for each value. */
const plainUnion: Rule = (schema) => {
  const { anyOf } = schema as { anyOf?: Json[] };
  if (anyOf === undefined) return schema;
  const list = anyOf.find(({ type }) => type === 'array');
  if (list && anyOf.length === 2 && anyOf.some(({ type }) => type === (list.items as Json).type))
    return { ...without(schema, 'anyOf'), ...list };
  if (!anyOf.every(({ type }) => type === 'string')) return schema;
  const lengths = anyOf.map(
    ({ maxLength, const: only }) => maxLength ?? (only as string | undefined)?.length,
  );
  return {
    ...without(schema, 'anyOf'),
    type: 'string',
    ...(lengths.every((length) => length !== undefined) && { maxLength: Math.max(...(lengths as number[])) }),
  };
};

/** Turns a union into `oneOf` if a value fits one schema alone. Generators make the right type of `oneOf`. */
const exclusiveUnion: Rule = (schema) => {
  if (schema['x-exclusive'] !== true) return schema;
  const { anyOf, ...rest } = without(schema, 'x-exclusive');
  return { ...rest, oneOf: anyOf };
};

/** Removes rules on property names: all names in JSON are text. */
const namesWithRules: Rule = (schema) =>
  JSON.stringify(schema.propertyNames) === '{"type":"string"}' ? without(schema, 'propertyNames') : schema;

const openAnswer: Rule = (schema, io) =>
  io === 'output' && schema.additionalProperties === false ? without(schema, 'additionalProperties') : schema;

/** Turns enumerations that may grow into text in answers; the description lists the known values. */
const openEnum: Rule = (schema) => {
  if (schema['x-grows'] !== true) return schema;
  const { enum: values, ...rest } = without(schema, 'x-grows');
  return { ...rest, 'x-known-values': values };
};

const rules: readonly Rule[] = [
  timeWithoutPattern,
  plainDefault,
  plainUnion,
  exclusiveUnion,
  constAsEnum,
  namesWithRules,
  openAnswer,
  openEnum,
];
