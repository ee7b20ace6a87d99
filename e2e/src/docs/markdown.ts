import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Returns the paths of a checkout's files, below its root; files that git ignores are left out. */
export function filesOf(root: string): string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(root, path)));
}

const fences = /^ *```.*?^ *```$/gms;
const code = /(`+)[^`].*?\1/g;

/** Returns the anchors of a page, as GitHub makes them of its headings. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.replace(fences, '').matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Returns the targets of a page's links and images, except those with a scheme. */
export function linksOf(text: string): string[] {
  const prose = text.replace(fences, '').replace(code, '');
  return [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|^\[[^\]]+\]: *(\S+)$/gm)]
    .map(([, inline, reference]) => inline ?? reference ?? '')
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
}

/** Returns the links of pages that lead to no file, or to no heading of a page. `pages` are paths below `root`. */
export function brokenLinks(root: string, pages: readonly string[]): string[] {
  const broken: string[] = [];
  for (const page of pages) {
    for (const link of linksOf(readFileSync(join(root, page), 'utf8'))) {
      const [path = '', anchor] = link.split('#', 2);
      const target = path === '' ? join(root, page) : resolve(root, dirname(page), decodeURI(path));
      const inside = !relative(root, target).startsWith('..');
      if (!inside || !existsSync(target)) broken.push(`${page}: ${link}`);
      else if (anchor && !(target.endsWith('.md') && anchorsOf(readFileSync(target, 'utf8')).has(anchor)))
        broken.push(`${page}: ${link}`);
    }
  }
  return broken;
}

/** Returns the pages that links lead to from `start`, itself included. A link to a folder leads to its README.md. */
export function reachablePages(root: string, start: string): Set<string> {
  const reached = new Set<string>();
  const waiting = [start];
  for (let page = waiting.pop(); page !== undefined; page = waiting.pop()) {
    if (reached.has(page)) continue;
    reached.add(page);
    for (const link of linksOf(readFileSync(join(root, page), 'utf8'))) {
      const [path = ''] = link.split('#', 1);
      let target = resolve(root, dirname(page), decodeURI(path));
      if (path === '' || !existsSync(target)) continue;
      if (statSync(target).isDirectory()) target = join(target, 'README.md');
      if (target.endsWith('.md') && existsSync(target)) waiting.push(relative(root, target));
    }
  }
  return reached;
}

const places = 'packages|services|e2e|bench|scripts|deploy|docs|examples|\\.ci|\\.github';
const pathInCode = new RegExp(`^(?:${places})/[\\w./*-]+$`);

/** Returns the paths in inline code of a page that are no file or folder of `files`; `*` stands for any name. */
export function missingPaths(page: string, text: string, files: readonly string[]): string[] {
  const isThere = (path: string) => {
    const pattern = path.replace(/\/$/, '').replaceAll('.', '\\.').replaceAll('*', '[^/]*');
    return files.some((file) => new RegExp(`^${pattern}(?:/|$)`).test(file));
  };
  return [...text.replace(fences, '').matchAll(/`([^`\n]+)`/g)]
    .map(([, span = '']) => span)
    .filter((span) => pathInCode.test(span) && !isThere(span))
    .map((span) => `${page}: ${span}`);
}

const maxWords = 90;
const maxCell = 200;

/** Returns the paragraphs, list items and table cells of a text that are too long to read at a glance. */
export function longPassages(text: string): string[] {
  const blocks = text.replace(fences, '').split(/\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )/);
  return blocks.flatMap((block) => {
    if (!/^\s*\|/.test(block)) {
      const words = block.trim().split(/\s+/).length;
      return words > maxWords ? [`${words} words: ${block.trim().slice(0, 60)}`] : [];
    }
    const cells = block.split('\n').flatMap((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
    return cells
      .filter((cell) => cell.length > maxCell)
      .map((cell) => `${cell.length} characters: ${cell.slice(0, 60)}`);
  });
}
