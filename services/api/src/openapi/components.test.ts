import { expect, test } from 'vitest';
import { z } from 'zod';
import { Components } from './components.js';

const inner = z.object({ kind: z.string().default('plain') }).meta({ id: 'Inner' });
const outer = z.object({ inner }).meta({ id: 'Outer' });
const same = z.object({ name: z.string() }).meta({ id: 'Same' });

function documented(make: (components: Components) => object[]) {
  const components = new Components();
  const used = make(components);
  const document = components.complete({ used, components: { schemas: {} } });
  return document as unknown as {
    used: object[];
    components: { schemas: Record<string, { required?: string[] }> };
  };
}

test('a component whose requests may omit fields that answers always have is separate in requests', () => {
  const { used, components } = documented((made) => [
    made.schemaOf(z.object({ outer, same }), 'input'),
    made.schemaOf(z.object({ outer, same }), 'output'),
  ]);
  expect(Object.keys(components.schemas).sort()).toEqual([
    'Inner',
    'InnerInput',
    'Outer',
    'OuterInput',
    'Same',
  ]);
  expect([components.schemas.Inner?.required, components.schemas.InnerInput?.required]).toEqual([
    ['kind'],
    undefined,
  ]);
  expect(components.schemas.OuterInput).toMatchObject({
    properties: { inner: { $ref: '#/components/schemas/InnerInput' } },
  });
  expect(used).toMatchObject([
    {
      properties: {
        outer: { $ref: '#/components/schemas/OuterInput' },
        same: { $ref: '#/components/schemas/Same' },
      },
    },
    { properties: { outer: { $ref: '#/components/schemas/Outer' } } },
  ]);
});

test('a component in requests only keeps its name', () => {
  const { used, components } = documented((made) => [made.schemaOf(z.object({ inner }), 'input')]);
  expect(Object.keys(components.schemas)).toEqual(['Inner']);
  expect(used).toMatchObject([{ properties: { inner: { $ref: '#/components/schemas/Inner' } } }]);
});
