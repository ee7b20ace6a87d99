import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../compose/model.js';
import { filesOf } from './markdown.js';

const files = filesOf(root);
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const code = files
  .filter((path) => /^(services|packages\/shared)\/.*\.ts$/.test(path) && !path.endsWith('.test.ts'))
  .map(read)
  .join('\n');
const pages = [read('docs/operations/settings.md'), read('docs/tracing.md')].join('\n');

test('every setting that a service reads is documented', () => {
  const names = [...code.matchAll(/\bfields\s*\.\w+\(\s*'([A-Z][A-Z0-9_]+)'/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(60);
  // PATH belongs to the environment of child processes.
  expect(names.filter((name) => name !== 'PATH' && !pages.includes(`\`${name}\``))).toEqual([]);
});

test('every setting in the tables is read by a service', () => {
  const rows = [...read('docs/operations/settings.md').matchAll(/^\| (`[A-Z][^|]*) \|/gm)];
  const names = rows.flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name]) => name),
  );
  expect(names.length).toBeGreaterThan(70);
  expect(names.filter((name) => !code.includes(`'${name}'`))).toEqual([]);
});
