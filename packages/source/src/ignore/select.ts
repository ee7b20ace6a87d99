import { posix } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { PatternSyntaxError } from './char-class.js';
import { IgnorePattern } from './pattern.js';
import { type FolderMatches, IgnoreRules, rulesOf } from './rules.js';
import { stepsAtOnce } from './walk.js';

/** A part of a context, as github.com/tonistiigi/fsutil selects it. Patterns have the syntax of an ignore file. */
export interface ContextSelection {
  /** Without any, and without `follow`, everything is included. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Paths that are included with all links on their way. Their names may hold wildcards. */
  readonly follow: readonly string[];
}

interface SelectOptions {
  readonly selection: ContextSelection;
  /** All paths of the context, a folder before its content, its content behind it. */
  readonly paths: readonly string[];
  /** Returns the target of a link; undefined for anything else. */
  readonly linkOf: (path: string) => string | undefined;
}

interface Folder {
  /** The path with a slash at its end. */
  readonly prefix: string;
  readonly included: FolderMatches | undefined;
  readonly excluded: FolderMatches | undefined;
  selected: boolean;
}

/**
 * Returns the selected paths in their order, with the folders that lead to them. Throws `ignore_file_invalid` when the comparisons exceed
 * the limits, and an Error for a pattern that cannot be read.
 */
export async function selectPaths({ selection, paths, linkOf }: SelectOptions): Promise<string[]> {
  const followed = followLinks({ paths, linkOf, wanted: selection.follow });
  const include = withoutNested([...selection.include, ...followed]);
  const isAll = include.length === 0 || (selection.include.length === 0 && followed.includes('.'));
  const included = isAll ? undefined : rulesOf({ patterns: include, name: 'the included paths' });
  const excluded = rulesOf({ patterns: selection.exclude, name: '.dockerignore' });
  const selected: string[] = [];
  const parents: Folder[] = [];
  let skipped: string | undefined;
  let pausedAt = 0;
  for (const path of paths) {
    if (skipped !== undefined && path.startsWith(skipped)) continue;
    while (parents.length > 0 && !path.startsWith((parents.at(-1) as Folder).prefix)) parents.pop();
    const parent = parents.at(-1);
    const inside = included?.decide(path, parent?.included);
    const outside = excluded.decide(path, parent?.excluded);
    const folder: Folder = {
      prefix: `${path}/`,
      included: inside?.matches,
      excluded: outside.matches,
      selected: false,
    };
    parents.push(folder);
    if (outside.ignored && !excluded.mayLetIn(path)) skipped = folder.prefix;
    if (!outside.ignored && inside?.ignored !== false) {
      for (const each of parents) {
        if (each.selected) continue;
        each.selected = true;
        selected.push(each.prefix.slice(0, -1));
      }
    }
    const steps = excluded.steps + (included?.steps ?? 0);
    if (steps - pausedAt < stepsAtOnce) continue;
    pausedAt = steps;
    await setImmediate();
  }
  return selected;
}

interface FollowOptions extends Omit<SelectOptions, 'selection'> {
  readonly wanted: readonly string[];
}

/** Returns the paths and the links on their way, sorted. The context is the root of absolute links. */
function followLinks({ paths, linkOf, wanted }: FollowOptions): string[] {
  const resolved = new Set<string>();
  const targetsOf = (path: string): string[] => {
    const name = posix.basename(path);
    const links = /[*?[]/.test(name) ? siblings(paths, path) : [path];
    return links.flatMap((link) => {
      const target = linkOf(link);
      if (target === undefined) return [];
      return [target.startsWith('/') ? target : posix.join('/', posix.dirname(link), target)];
    });
  };
  const add = (path: string): void => {
    const inside = posix.join('/', path).replace(/^\/|\/$/g, '');
    const parts = (inside || '.').split('/');
    for (let at = 1; at <= parts.length; at++) {
      const current = parts.slice(0, at).join('/');
      const targets = targetsOf(current);
      const isLast = at === parts.length;
      if (!isLast && targets.length === 0) continue;
      if (resolved.has(current)) return;
      resolved.add(current);
      const rest = parts.slice(at).join('/');
      for (const target of targets) add(posix.join(target, rest));
      return;
    }
  };
  for (const path of wanted) add(path);
  return [...resolved].sort();
}

/** Returns the paths in the folder of a pattern whose names match that of the pattern. */
function siblings(paths: readonly string[], pattern: string): string[] {
  const folder = posix.dirname(pattern);
  try {
    const names = new IgnorePattern({ text: posix.basename(pattern), isException: false });
    const counter = new IgnoreRules({ patterns: [], name: pattern });
    return paths.filter(
      (path) => posix.dirname(path) === folder && names.matches(posix.basename(path), counter),
    );
  } catch (error) {
    // The pattern is refused where it is compared.
    if (error instanceof PatternSyntaxError) return [];
    throw error;
  }
}

/** Returns the sorted paths without those below another one. */
function withoutNested(sorted: readonly string[]): string[] {
  const kept: string[] = [];
  for (const path of sorted) if (!path.startsWith(`${kept.at(-1)}/`)) kept.push(path);
  return kept;
}
