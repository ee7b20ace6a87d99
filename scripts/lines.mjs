// Prints the lines of each package, and its files: of the product, of tests, and generated. Reads what git tracks.
// Usage: node scripts/lines.mjs
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = execFileSync('git', ['ls-files', '--', 'packages', 'services', 'e2e', 'bench'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((name) => /\.(ts|tsx|lua|css)$/.test(name));
const kinds = ['product', 'lua', 'test', 'generated'];
const counts = new Map();
for (const file of files) {
  const text = readFileSync(`${root}/${file}`, 'utf8');
  const place = /^(?:packages|services)\//.test(file)
    ? file.split('/').slice(0, 2).join('/')
    : file.split('/')[0];
  const of = counts.get(place) ?? Object.fromEntries(kinds.map((kind) => [kind, { files: 0, lines: 0 }]));
  counts.set(place, of);
  const kind = kindOf({ file, place });
  of[kind].files++;
  of[kind].lines += text.split('\n').length - 1;
}
const total = Object.fromEntries(kinds.map((kind) => [kind, { files: 0, lines: 0 }]));
for (const of of counts.values()) {
  for (const kind of kinds) {
    total[kind].files += of[kind].files;
    total[kind].lines += of[kind].lines;
  }
}
const row = (cells) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
row(['package', ...kinds.map((kind) => `${kind}: lines (files)`)]);
row(['---', ...kinds.map(() => '---:')]);
for (const [place, of] of [...counts, ['total', total]]) {
  row([
    place,
    ...kinds.map((kind) => (of[kind].files === 0 ? '–' : `${of[kind].lines} (${of[kind].files})`)),
  ]);
}

function kindOf({ file, place }) {
  if (file === 'packages/client/src/schema.ts') return 'generated';
  const test =
    place === 'e2e' || place === 'bench' || file.endsWith('.test.ts') || file.includes('/testing/');
  if (test || /packages\/(simulator|local)\//.test(file)) return 'test';
  return file.endsWith('.lua') ? 'lua' : 'product';
}
