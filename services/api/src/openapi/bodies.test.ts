import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { absent, type Ids, makeRecords, namespace } from '../testing/authorisation/records.js';
import { rows } from '../testing/authorisation/rows.js';
import { operations } from '../testing/conformance.js';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

type JsonSchema = Parameters<typeof z.fromJSONSchema>[0];
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}
interface Described {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
}

let fleet: FleetOfOne;
let document: Document;
/** Ids of existing records. */
let there: Ids;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'), { maxSourceFiles: 1_000 });
  document = (await (await fleet.api.call('/openapi.json')).json()) as Document;
  there = await makeRecords({ fleet, tenant: 'tenant-0', token: 'token', admin: 'token' });
});
afterAll(() => fleet.stop());

/** Returns the JSON Schema of the body of an operation, from the document that clients get. */
function schemaOf({ path, method }: (typeof operations)[number]): z.ZodType {
  const { schema } = document.paths[path]?.[method]?.requestBody?.content['application/json'] ?? {};
  const whole = { ...schema, $defs: document.components.schemas };
  const text = JSON.stringify(whole).replaceAll('#/components/schemas/', '#/$defs/');
  return z.fromJSONSchema(JSON.parse(text) as JsonSchema);
}

/** Codes that refuse a body for its form. */
const refusals = ['request_invalid', 'image_invalid', 'json_invalid'];

const bodies: Record<string, (usual: object) => object> = {
  'an empty object': () => ({}),
  'an object with one unknown field': () => ({ unknown_field: 1 }),
  'a usual body': (usual) => usual,
  'a usual body with an unknown field': (usual) => ({ ...usual, unknown_field: 1 }),
};
const cases = operations
  .filter(({ body }) => body !== undefined)
  .flatMap((operation) =>
    Object.entries(bodies).map(([what, make]) => ({ id: operation.id, what, operation, make })),
  );

const image = 'r.example/x:1';
const files = { Dockerfile: 'FROM scratch\n' };
const entries = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`A${at}`, 'x']));
/** Bodies whose parts are at their limits, by limit. */
const parts: readonly (readonly [id: string, what: string, body: object])[] = [
  ['submitJob', 'no inline files', { image, source: { files: {} } }],
  ['submitJob', 'a platform twice', { image, source: { files }, platforms: ['linux/amd64', 'linux/amd64'] }],
  ['submitJob', '32 labels', { image, source: { files }, labels: entries(32) }],
  ['submitJob', '33 labels', { image, source: { files }, labels: entries(33) }],
  ['submitJob', '257 build arguments', { image, source: { files }, build_args: entries(257) }],
  ['submitBatch', '33 labels', { items: [{ image, source: { files } }], labels: entries(33) }],
  ['submitRebuild', 'a selector of nothing', { selector: {} }],
  ['createWebhook', '33 labels', { url: 'https://ci.example/', labels: entries(33) }],
  ['createWebhook', 'no events', { url: 'https://ci.example/', events: [] }],
];
const ofParts = parts.map(([id, what, body]) => ({
  ...{ id, what },
  operation: operations.find((operation) => operation.id === id) ?? expect.fail(id),
  make: () => body,
}));

describe('the document and the server', () => {
  it.each([...cases, ...ofParts])('agree on the body of $id: $what', async ({ operation, make }) => {
    const row = rows[operation.id] ?? expect.fail('no row');
    const ids = absent(there);
    const target = operation.path
      .replace('{namespace}', namespace)
      .replaceAll(/\{(\w+)\}/g, (_, name) => ids[row.ids?.[name] ?? expect.fail(`no id for ${name}`)]);
    const body = make((row.body?.(there) ?? {}) as object);
    const { status, body: answer } = await fleet.say(operation.method.toUpperCase(), target, body, 'token');
    const said = status < 400 ? 'accepted' : (answer.code as string);
    const isRefused = refusals.includes(said);
    expect([said, isRefused]).toEqual([said, !schemaOf(operation).safeParse(body).success]);
  });
});
