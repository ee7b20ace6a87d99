import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { apiEndpoints, type EndpointDeps } from '../endpoints.js';
import { openApiDocument } from './document.js';
import { sharedExamples } from './examples.js';

type JsonSchema = Parameters<typeof z.fromJSONSchema>[0];
interface Media {
  readonly schema: { readonly format?: string; readonly type?: string };
  readonly 'x-each'?: object;
  readonly examples?: Readonly<Record<string, { readonly $ref: string }>>;
}
interface Described {
  readonly operationId: string;
  readonly parameters: readonly { readonly $ref?: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>;
  readonly callbacks?: Readonly<Record<string, Readonly<Record<string, { readonly post: Described }>>>>;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: object;
  readonly example?: unknown;
}

const endpoints = apiEndpoints({} as EndpointDeps);
const document = openApiDocument(endpoints) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: {
    readonly schemas: object;
    readonly examples: Readonly<Record<string, { readonly summary: string; readonly value: unknown }>>;
    readonly parameters: Readonly<Record<string, Parameter>>;
    readonly responses: Readonly<
      Record<string, { readonly content?: Readonly<Record<string, { readonly example?: { code: string } }>> }>
    >;
  };
};
const { schemas, examples, parameters, responses: problems } = document.components;

/** Throws unless a value matches a JSON schema of the document. */
function check(schema: object, value: unknown, where: string): void {
  const text = JSON.stringify({ ...schema, $defs: schemas }).replaceAll('#/components/schemas/', '#/$defs/');
  const { success, error } = z.fromJSONSchema(JSON.parse(text) as JsonSchema).safeParse(value);
  if (!success) throw new Error(`${where}: ${error.message}`);
}

/** Returns the JSON values of an example: one, or one for each event or line. */
function valuesOf(type: string, value: unknown): unknown[] {
  if (type === 'application/json') return [value];
  const lines = (value as string).split('\n').filter((line) => line !== '');
  if (type === 'application/x-ndjson') return lines.map((line) => JSON.parse(line));
  return lines
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice('data: '.length)));
}

const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
const messages = operations
  .flatMap(({ callbacks = {} }) => Object.values(callbacks))
  .flatMap((callback) => Object.values(callback).map(({ post }) => post));
const bodies = [...operations, ...messages].flatMap(({ operationId, requestBody, responses }) => {
  const answers = Object.entries(responses).filter(([status]) => status.startsWith('2'));
  const all = [['request', requestBody] as const, ...answers];
  return all.flatMap(([what, body]) =>
    Object.entries(body?.content ?? {})
      // Bytes of archives.
      .filter(([, { schema }]) => schema.format !== 'binary')
      .map(([type, media]) => ({ what: `${operationId} ${what}, ${type}`, type, media })),
  );
});

describe('the examples of the document', () => {
  it.each(bodies)('exist, and match the schema: $what', ({ what, type, media }) => {
    const own = Object.keys(media.examples ?? {});
    expect(own).not.toEqual([]);
    for (const name of own) {
      const value = examples[name]?.value;
      check(media.schema, value, `${what}: ${name}`);
      const values = valuesOf(type, value);
      if (type === 'text/plain') continue;
      expect(values, `${what}: ${name}`).not.toEqual([]);
      const each = media['x-each'];
      if (each) for (const piece of values) check(each, piece, `${what}: ${name}`);
    }
  });

  it("equal the server's own parsing and answers", () => {
    let checked = 0;
    for (const { operation } of endpoints) {
      const described = document.paths[operation.path]?.[operation.method];
      const named = (media: Media | undefined) =>
        Object.keys(media?.examples ?? {}).map((name) => [name, examples[name]?.value] as const);
      for (const [name, value] of named(described?.requestBody?.content['application/json'])) {
        expect(operation.body?.safeParse(value).error?.message, name).toBeUndefined();
        checked++;
      }
      for (const [status, { content = {} }] of Object.entries(operation.answers)) {
        const shape = content['application/json'];
        if (shape === undefined || typeof shape === 'string') continue;
        for (const [name, value] of named(described?.responses[status]?.content?.['application/json'])) {
          // Equal: the example has no field that an answer lacks.
          expect(shape.parse(value), name).toEqual(value);
          checked++;
        }
      }
    }
    expect(checked).toBeGreaterThan(60);
  });

  it('are all used, and have a summary', () => {
    const used = new Set(bodies.flatMap(({ media }) => Object.keys(media.examples ?? {})));
    expect(Object.keys(sharedExamples()).filter((name) => !used.has(name))).toEqual([]);
    expect(Object.values(examples).filter(({ summary }) => !/^[A-Z]/.test(summary))).toEqual([]);
  });

  it('show a problem of each status', () => {
    const shown = Object.entries(problems).flatMap(([name, { content }]) =>
      content ? [[name, content['application/problem+json']?.example] as const] : [],
    );
    for (const [name, problem] of shown)
      check({ $ref: '#/components/schemas/Problem' }, problem, `the example of ${name}`);
    const codes = Object.fromEntries(shown.map(([name, problem]) => [name, problem?.code]));
    expect(codes).toMatchObject({
      Unauthorized: 'unauthorized',
      Forbidden: 'forbidden',
      NotFound: 'not_found',
      UnprocessableEntity: 'request_invalid',
      ServiceUnavailable: 'redis_unavailable',
    });
  });

  it('exist for each parameter of a path', () => {
    const all = operations.flatMap(({ parameters: own }) =>
      own.map((each) => (each.$ref ? parameters[each.$ref.split('/').at(-1) ?? ''] : each) as Parameter),
    );
    const ofPaths = all.filter((parameter) => parameter.in === 'path');
    expect(ofPaths.length).toBeGreaterThan(20);
    for (const { name, schema, example } of ofPaths) {
      expect(example, name).toBeDefined();
      check(schema, example, name);
    }
  });
});
