import { describe, expect, it } from 'vitest';
import { apiEndpoints, type EndpointDeps } from '../endpoints.js';
import { openApiDocument } from './document.js';

type Json = Record<string, unknown>;

const document = openApiDocument(apiEndpoints({} as EndpointDeps));

/** Yields every object below a value, with its path. */
function* objects(value: unknown, place = '#'): Generator<[place: string, object: Json]> {
  if (value === null || typeof value !== 'object') return;
  if (!Array.isArray(value)) yield [place, value as Json];
  for (const [key, inner] of Object.entries(value)) yield* objects(inner, `${place}/${key}`);
}
const all = [...objects(document)];
const places = (fits: (object: Json, place: string) => boolean) =>
  all.filter(([place, object]) => fits(object, place)).map(([place]) => place);
const components = document.components as Record<string, Record<string, Json>>;
const methods = /^#\/paths\/.*\/(?:get|put|post|patch|delete)$/;

describe('the document for client generators', () => {
  it('defines all its references', () => {
    const refs = all.flatMap(([, { $ref }]) => (typeof $ref === 'string' ? [$ref] : []));
    const missing = refs.filter((ref) => {
      const [, , kind = '', name = ''] = ref.split('/');
      return components[kind]?.[name] === undefined;
    });
    expect([refs.length > 500, missing]).toEqual([true, []]);
  });

  it('has a unique operationId for each operation, callbacks included', () => {
    const ids = all.filter(([place]) => methods.test(place)).map(([, { operationId }]) => operationId);
    expect(ids).toContain('receiveJobMessage');
    expect([...new Set(ids)]).toEqual(ids);
    expect(ids).not.toContain(undefined);
  });

  it('has no text in angle brackets outside of code, which Markdown would take for HTML', () => {
    const texts = all.flatMap(([, { description, summary }]) => [description, summary]);
    const bare = texts.filter((text) => typeof text === 'string' && /<\w/.test(text.replace(/`[^`]*`/g, '')));
    expect([texts.length > 1_000, bare]).toEqual([true, []]);
  });

  it('has answers common to most operations in the shared response alone', () => {
    const shared = components.responses ?? {};
    const refs = all.filter(([, { $ref }]) => typeof $ref === 'string' && $ref.includes('/responses/'));
    const nameOf = ({ $ref }: Json) => String($ref).split('/').at(-1) ?? '';
    const repeated = refs.filter(([, ref]) => ref.description === shared[nameOf(ref)]?.description);
    const own = refs.filter(([, ref]) => ref.description !== undefined);
    expect([refs.length > 500, repeated]).toEqual([true, []]);
    expect(own.length).toBeLessThan(refs.length / 4);
  });

  it('allows a cell at the end of each id', () => {
    const examples = ['job', 'batch', 'wh', 'tok', 'pay']
      .map((kind) => `${kind}_01kd3vb2f4g6h8j0k1m3n5p7q9`)
      .concat(
        'dlv_01kd3vb2f4g6h8j0k1m3n5p7q9r2s4t6',
        'rep_4f9a1c7e2b80',
        '12.dlv_01kd3vb2f4g6h8j0k1m3n5p7q9r2s4t6',
      );
    const patterns = all.flatMap(([, { pattern }]) =>
      typeof pattern === 'string' ? [new RegExp(pattern, 'u')] : [],
    );
    const ofIds = patterns.flatMap((pattern) =>
      examples.filter((id) => pattern.test(id) && !pattern.test('job')).map((id) => ({ pattern, id })),
    );
    expect(new Set(ofIds.map(({ id }) => id))).toEqual(new Set(examples));
    for (const { pattern, id } of ofIds) {
      expect([pattern, pattern.test(`${id}_eu1`)]).toEqual([pattern, true]);
      expect([pattern, pattern.test(`${id}_`) || pattern.test(`${id}_EU`)]).toEqual([pattern, false]);
    }
  });

  it('has a schema for each body', () => {
    const bodies = all.filter(([place]) => place.endsWith('/content'));
    const bare = bodies.flatMap(([place, content]) =>
      Object.entries(content)
        .filter(([, media]) => (media as Json).schema === undefined)
        .map(([type]) => `${place} ${type}`),
    );
    expect([bodies.length > 100, bare]).toEqual([true, []]);
  });

  it('has one binary type for each upload', () => {
    const { paths } = document as { paths: Record<string, Record<string, { requestBody: Json }>> };
    const bodies = [paths['/v1/sources']?.post, paths['/v1/templates/{name}']?.put, paths['/build']?.post];
    for (const body of bodies) {
      expect(body?.requestBody.content).toEqual({
        'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
      });
    }
  });

  it('has no construct that generators fail on', () => {
    expect(places(({ format, pattern }) => format === 'date-time' && pattern !== undefined)).toEqual([]);
    const isValue = (value: unknown) => value !== null && typeof value === 'object';
    expect(places((object, place) => isValue(object.default) && !place.endsWith('/responses'))).toEqual([]);
    expect(places((object, place) => 'const' in object && !place.endsWith('/properties'))).toEqual([]);
    expect(document).not.toHaveProperty('webhooks');
    expect(document.servers).toMatchObject([{ url: '/' }, { url: 'http://127.0.0.1:8080' }]);
  });

  it('has no value in two named enums, which Go would declare twice', () => {
    const values = Object.entries(components.schemas ?? {}).flatMap(([name, { enum: own }]) =>
      ((own ?? []) as string[]).map((value) => [value, name] as const),
    );
    const twice = values.filter(([value, name]) =>
      values.some(([other, owner]) => other === value && owner !== name),
    );
    expect([values.length > 10, twice]).toEqual([true, []]);
  });

  it('leaves answers open for fields and codes that are added later', () => {
    const { Job, Problem, ErrorCode, VcsInput, Vcs } = components.schemas ?? {};
    for (const open of [Job, Problem, Vcs]) expect(open).not.toHaveProperty('additionalProperties');
    expect(VcsInput).toMatchObject({ additionalProperties: false });
    expect(ErrorCode).not.toHaveProperty('enum');
    expect(ErrorCode?.['x-known-values']).toContain('build_failed');
  });

  it('discriminates the format of an endpoint by its `type`', () => {
    expect(components.schemas?.WebhookFormat).toMatchObject({
      discriminator: { propertyName: 'type', mapping: { standard: '#/components/schemas/StandardFormat' } },
    });
    expect(components.schemas?.WebhookFormatInput).toMatchObject({
      discriminator: { mapping: { standard: '#/components/schemas/StandardFormatInput' } },
    });
  });

  it('describes problems once for each status', () => {
    const problems = all.filter(([place]) => place.endsWith('/content/application/problem+json'));
    const own = problems.filter(([place]) => !place.startsWith('#/components/responses/'));
    expect(Object.keys(components.responses ?? {})).toContain('TooManyRequests');
    // Answers to POST /build are also in plain JSON.
    expect(own.every(([place]) => place.startsWith('#/paths//build/'))).toBe(true);
  });
});
