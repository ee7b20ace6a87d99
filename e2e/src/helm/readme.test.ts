import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from '../compose/model.js';
import { chartFolder } from './chart.js';

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
}

const read = (name: string) => readFile(join(chartFolder, name), 'utf8');
const { chartReadme } = await import(pathToFileURL(join(root, 'scripts', 'chart-values.mjs')).href);

/** Returns the paths of a schema's properties, except those of `stop`. */
function pathsOf(schema: Schema, all: { $defs: Record<string, Schema> }, path = ''): string[] {
  const target = schema.$ref === undefined ? schema : all.$defs[schema.$ref.replace('#/$defs/', '')];
  const properties = Object.entries(target?.properties ?? {});
  if (properties.length === 0) return [path];
  return properties.flatMap(([name, child]) => pathsOf(child, all, path === '' ? name : `${path}.${name}`));
}

const hasPath = (values: unknown, path: string) => {
  let at = values;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null || !(name in at)) return false;
    at = (at as Record<string, unknown>)[name];
  }
  return true;
};

test('the README has every value, with the words of values.yaml', async () => {
  const [page, text] = await Promise.all([read('README.md'), read('values.yaml')]);
  expect(chartReadme(page, text)).toBe(page);
  for (const name of Object.keys(parse(text))) expect(page).toContain(`| \`${name}`);
});

test('a value without a comment is refused by name', () => {
  expect(() =>
    chartReadme('', '# The API.\napi:\n  # Pods.\n  pods:\n    # How many.\n    replicas: 2\n'),
  ).not.toThrow();
  expect(() => chartReadme('', 'api:\n  # Pods.\n  replicas: 2\n  pods: {}\n')).toThrow(
    'values.yaml: api.pods has no comment',
  );
});

test('values.yaml has every value that the schema knows', async () => {
  const [schema, values] = [JSON.parse(await read('values.schema.json')), parse(await read('values.yaml'))];
  // Helm gives `global` to all charts. Fields of Kubernetes are for users to add.
  const optional = /^global$|\.resources\.(claims|limits|requests)$|^dev\.(registry|s3)\.maxmemory$/;
  const missing = pathsOf(schema, schema).filter((path) => !hasPath(values, path) && !optional.test(path));
  expect(missing).toEqual([]);
});
