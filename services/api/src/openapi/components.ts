import { z } from 'zod';
import { type Json, portable } from './portable.js';

export type { Json };

type Io = 'input' | 'output';
export type ToSchema = (type: z.ZodType, io: Io) => Json;

interface Document {
  readonly components: { readonly schemas: Json };
}

/**
 * Makes JSON Schemas of types. Types with an id become components, which the schemas refer to. If requests may omit fields of a
 * component that answers always have, because of defaults, it becomes two: `Name` in answers and `NameInput` in requests.
 */
export class Components {
  readonly #of: Record<Io, Json> = { input: {}, output: {} };

  schemaOf(type: z.ZodType, io: Io): Json {
    const raw = z.toJSONSchema(type, { io, unrepresentable: 'any' });
    const converted = portable(raw, io) as Json & { $defs?: Json };
    const { $schema, $defs = {}, ...own } = converted;
    for (const [name, definition] of Object.entries($defs)) this.#of[io][name] = relocate(definition, io);
    return relocate(own, io) as Json;
  }

  /** Returns the document with all components that its schemas refer to. */
  complete<D extends Document>(document: D): D {
    const { input, output } = this.#of;
    const apart = namesApart(input, output);
    const inputs = Object.entries(input).map(([name, definition]) => [
      apart.has(name) ? `${name}Input` : name,
      definition,
    ]);
    const schemas = { ...document.components.schemas, ...Object.fromEntries(inputs), ...output };
    const settled = settle({ ...document, components: { ...document.components, schemas } }, apart) as D;
    for (const schema of Object.values(settled.components.schemas)) {
      discriminate(schema as Json, settled.components.schemas);
    }
    return settled;
  }
}

/** Returns the names whose definitions differ between requests and answers, directly or through references. */
function namesApart(input: Json, output: Json): ReadonlySet<string> {
  const shared = Object.keys(input).filter((name) => name in output);
  const apart = new Set(shared.filter((name) => comparable(input[name]) !== comparable(output[name])));
  for (let before = -1; before < apart.size; ) {
    before = apart.size;
    for (const name of shared) {
      const text = JSON.stringify(input[name]);
      if ([...apart].some((other) => text.includes(JSON.stringify(place(other, 'input'))))) apart.add(name);
    }
  }
  return apart;
}

const comparable = (definition: unknown) =>
  JSON.stringify(definition).replaceAll(place('', 'input'), place('', 'output'));

/** Adds a discriminator if each of the schemas has one value of `type`. */
function discriminate(schema: Json, schemas: Json): void {
  const { oneOf } = schema as { oneOf?: readonly { readonly $ref?: string }[] };
  const mapping = oneOf?.map(({ $ref = '' }) => {
    const { properties = {} } = (schemas[nameIn($ref)] ?? {}) as { properties?: Json };
    const { enum: values } = (properties.type ?? {}) as { enum?: readonly string[] };
    return [values?.length === 1 ? values[0] : undefined, $ref] as const;
  });
  if (mapping === undefined || mapping.some(([value]) => value === undefined)) return;
  schema.discriminator = { propertyName: 'type', mapping: Object.fromEntries(mapping) };
}

const nameIn = (ref: string) => ref.slice(ref.lastIndexOf('/') + 1);

const place = (name: string, io: Io) => `#/components/${io}/${name}`;

function relocate(value: unknown, io: Io): unknown {
  return mapped(value, (ref) => ref.replace('#/$defs/', place('', io)));
}

function settle(value: unknown, apart: ReadonlySet<string>): unknown {
  return mapped(value, (ref) => {
    const [, io, name = ''] = /^#\/components\/(input|output)\/(.*)$/.exec(ref) ?? [];
    if (io === undefined) return ref;
    return `#/components/schemas/${name}${io === 'input' && apart.has(name) ? 'Input' : ''}`;
  });
}

/** Returns a JSON value with its references changed, and without the ids of definitions. */
function mapped(value: unknown, change: (ref: string) => string): unknown {
  if (Array.isArray(value)) return value.map((each) => mapped(each, change));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => key !== 'id' || typeof inner !== 'string')
      .map(([key, inner]) => [
        key,
        key === '$ref' && typeof inner === 'string' ? change(inner) : mapped(inner, change),
      ]),
  );
}
