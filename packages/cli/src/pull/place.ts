import { chmod, copyFile, lstat, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pulledNote, writeNote } from '@slipway/source';
import type { Checkout } from './checkout.js';
import { limits, refuse } from './refusals.js';
import type { TemplateSource } from './source.js';

interface Place {
  readonly checkout: Checkout;
  readonly source: TemplateSource;
  /** The name of the template in the repository. */
  readonly from: string;
  /** Its name in `./template`. */
  readonly name: string;
  /** `./template`. */
  readonly templates: string;
  /** A folder on the same disk for incomplete templates. */
  readonly staging: string;
}

/** Returns the names of the templates in a repository. */
export function templatesOf({ entries, names }: Checkout): string[] {
  return (names.get('template') ?? []).filter((name) => entries.get(`template/${name}`)?.type === 'folder');
}

/**
 * Copies a template into `./template` in one step, with the note that `faas-cli` writes. A folder that another process created
 * meanwhile stays. Links become copies of their targets in the repository, as with `faas-cli`; other links stay. Throws
 * `TemplateRefused` for a template that becomes too large.
 */
export async function place({ checkout, source, from, name, templates, staging }: Place): Promise<void> {
  const staged = join(staging, from);
  await copyTree(checkout, `template/${from}`, staged);
  const note = join(staged, pulledNote.path);
  // A link with this name would redirect the write to another file.
  await rm(note, { recursive: true, force: true });
  await writeFile(
    note,
    writeNote({
      repository: source.repository,
      ref: source.ref,
      sha: checkout.commit,
      writtenAt: new Date(),
    }),
  );
  const target = join(templates, name);
  await mkdir(dirname(target), { recursive: true });
  await rename(staged, target).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
}

/** Returns true when the path exists. */
export const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

async function copyTree(checkout: Checkout, from: string, to: string): Promise<void> {
  // Lists everything first: nothing is copied of a refused template.
  for (const { real, path } of listTree(checkout, from)) {
    const entry = checkout.entries.get(real);
    const target = join(to, path);
    if (entry?.type === 'file') {
      await copyFile(join(checkout.folder, real), target);
      await chmod(target, entry.executable ? 0o755 : 0o644);
    } else if (entry?.type === 'link') await symlink(entry.target, target);
    else await mkdir(target);
  }
}

interface Listed {
  /** Path of the file, folder or remaining link in the repository. */
  readonly real: string;
  /** Path in the template. */
  readonly path: string;
}

/** Lists a folder of the repository recursively, with the targets of links. Each folder comes before its entries. */
function listTree(checkout: Checkout, from: string): Listed[] {
  const found: Listed[] = [];
  let bytes = 0;
  const visit = (start: string, path: string, above: readonly string[]): void => {
    const led = follow(checkout, start);
    // A link to one of its own parents would recurse without end.
    const real = led === undefined || above.some((folder) => liesIn(folder, led)) ? start : led;
    found.push({ real, path });
    if (found.length > limits.entries)
      throw refuse(`has more than ${limits.entries} files, with those that links lead to`);
    const entry = checkout.entries.get(real);
    if (entry?.type === 'file') bytes += entry.size;
    if (bytes > limits.bytes) throw refuse(`has more than ${limits.bytes} bytes, with what links lead to`);
    if (entry?.type !== 'folder') return;
    for (const name of checkout.names.get(real) ?? []) {
      visit(real === '' ? name : `${real}/${name}`, join(path, name), [...above, real]);
    }
  };
  visit(from, '', []);
  return found;
}

const liesIn = (path: string, folder: string): boolean =>
  folder === '' || path === folder || path.startsWith(`${folder}/`);

/** Returns the target path of a path in the repository, or undefined when it leaves the repository, is missing or is circular. */
function follow({ entries }: Checkout, path: string): string | undefined {
  const ahead = path.split('/').reverse();
  const place: string[] = [];
  let links = 0;
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (place.pop() === undefined) return undefined;
      continue;
    }
    place.push(part);
    const entry = entries.get(place.join('/'));
    if (entry?.type === 'link') {
      if (entry.target.startsWith('/') || ++links > limits.links) return undefined;
      place.pop();
      ahead.push(...entry.target.split('/').reverse());
    } else if (!entry) return undefined;
  }
  return place.join('/');
}
