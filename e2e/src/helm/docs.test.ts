import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from '../compose/model.js';
import { render } from './chart.js';

const docs = join(root, 'docs');
const pages = ['kubernetes.md', ...readdirSync(join(docs, 'kubernetes')).map((name) => `kubernetes/${name}`)];

/** The values in the examples of the pages: blocks of YAML that are neither objects of Kubernetes nor rules of an adapter. */
const examples = pages.flatMap((page) => {
  const blocks = readFileSync(join(docs, page), 'utf8').matchAll(/^( *)```yaml\n(.*?)^ *```$/gms);
  return [...blocks].flatMap(([, indent = '', text = '']) => {
    const values = parse(text.replaceAll(new RegExp(`^${indent}`, 'gm'), '')) as Record<string, unknown>;
    return 'kind' in values || 'rules' in values ? [] : [{ page, values }];
  });
});

describe('the values in the pages about Kubernetes', () => {
  test.each(examples)('are values of the chart: $page $values', async ({ values }) => {
    expect((await render({ file: 'minimal', values })).length).toBeGreaterThan(10);
  });

  test('are found', () => {
    expect(examples.length).toBeGreaterThan(4);
  });
});

test('the pages name only values that the chart has', () => {
  const values = parse(readFileSync(join(root, 'deploy', 'helm', 'slipway', 'values.yaml'), 'utf8'));
  const pool = values.poolDefaults as Record<string, unknown>;
  const text = pages.map((page) => readFileSync(join(docs, page), 'utf8')).join('\n');
  const named = [...text.matchAll(/`((?:[a-z][A-Za-z]*\.)+(?:NAME\.)?[a-zA-Z.]+)[`:]/g)].map(
    ([, path = '']) => path,
  );
  const has = (from: unknown, path: readonly string[]): boolean => {
    const [key = '', ...rest] = path;
    if (path.length === 0) return true;
    return typeof from === 'object' && from !== null && key in from && has((from as never)[key], rest);
  };
  const known = named.filter((path) => Object.hasOwn(values, path.split('.')[0] ?? ''));
  expect(known.length).toBeGreaterThan(30);
  const missing = known.filter((path) => {
    const [first = '', ...rest] = path.split('.');
    return first === 'pools' ? !has(pool, rest.slice(1)) : !has(values[first], rest);
  });
  expect(missing).toEqual([]);
});
