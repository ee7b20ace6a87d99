import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../compose/model.js';
import { scratchFolder } from '../context.js';
import {
  anchorsOf,
  brokenLinks,
  filesOf,
  linksOf,
  longPassages,
  missingPaths,
  reachablePages,
} from './markdown.js';

const files = filesOf(root);
const pages = files.filter((path) => path.endsWith('.md'));
const read = (page: string) => readFileSync(join(root, page), 'utf8');
/** Pages that a program writes, that describe the past, or that name files of other repositories. */
const otherFiles = /^(CHANGELOG|docs\/(errors|adr\/|ci\/))/;

describe('the documentation', () => {
  test('has no broken link', () => {
    expect(brokenLinks(root, pages)).toEqual([]);
  });

  test('lists every page of docs in README.md or in a page that it leads to', () => {
    const reached = reachablePages(root, 'README.md');
    expect(pages.filter((page) => page.startsWith('docs/') && !reached.has(page))).toEqual([]);
  });

  test('names only files that exist', () => {
    const prose = pages.filter((page) => !otherFiles.test(page));
    expect(prose.flatMap((page) => missingPaths(page, read(page), files))).toEqual([]);
  });

  test('has short paragraphs and table cells', () => {
    const checked = pages.filter((page) => page !== 'CHANGELOG.md');
    expect(
      checked.flatMap((page) => longPassages(read(page)).map((passage) => `${page}: ${passage}`)),
    ).toEqual([]);
  });
});

describe('the checks of the documentation', () => {
  test('reads links outside of code, and anchors of headings', () => {
    const text =
      '# A `code` heading: one, two\n\n## Same\n\n## Same\n\n[a](b.md#c) ![d](e.png) `[no](x)` [f](https://g)\n\n```\n# no\n[no](y)\n```\n[r]: s.md\n';
    expect(linksOf(text)).toEqual(['b.md#c', 'e.png', 's.md']);
    expect([...anchorsOf(text)]).toEqual(['a-code-heading-one-two', 'same', 'same-1']);
  });

  test('reports links to missing files, headings and folders, and no other links', () => {
    const folder = scratchFolder();
    writeFileSync(
      join(folder, 'a.md'),
      '# One\n\n[1](b.md#two) [2](#one) [3](b.md#three) [4](c.md) [5](#none) [6](../x.md)\n',
    );
    writeFileSync(join(folder, 'b.md'), '# Two\n');
    expect(brokenLinks(folder, ['a.md'])).toEqual([
      'a.md: b.md#three',
      'a.md: c.md',
      'a.md: #none',
      'a.md: ../x.md',
    ]);
    expect([...reachablePages(folder, 'a.md')]).toEqual(['a.md', 'b.md']);
  });

  test('reports missing paths', () => {
    const text =
      '`packages/a/b.ts` `packages/a` `packages/*/b.ts` `packages/c.ts` `docs/<name>.md` `npm test`';
    expect(missingPaths('p', text, ['packages/a/b.ts'])).toEqual(['p: packages/c.ts']);
  });

  test('finds long paragraphs and long cells', () => {
    const words = (count: number) => Array.from({ length: count }, () => 'word').join(' ');
    const text = `${words(90)}\n\n${words(91)}\n\n| ${'x'.repeat(200)} | ${'y'.repeat(201)} |\n`;
    expect(longPassages(text)).toHaveLength(2);
  });
});
