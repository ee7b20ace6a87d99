import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { FolderMatches, IgnoreRules } from './rules.js';

interface WalkOptions {
  /** The folder of the build context, an absolute path. */
  readonly folder: string;
  readonly rules: IgnoreRules;
  /**
   * Receives each path, a folder after what is in it. An ignored folder is kept for what is kept in it; nothing below a folder that is not kept
   * has to be looked at.
   */
  readonly onEntry: (path: string, entry: Dirent, kept: boolean) => void | Promise<void>;
}

/** So many comparisons take about 20 ms; other work of the process goes on after them. */
const stepsAtOnce = 4_000_000;

/** Walks a build context, without following links, and tells which paths its ignore file keeps. */
export async function walkContext({ folder, rules, onEntry }: WalkOptions): Promise<void> {
  let pausedAt = 0;
  const visit = async (parent: string, matches: FolderMatches | undefined): Promise<boolean> => {
    let isAnyKept = false;
    for (const entry of await readdir(join(folder, parent), { withFileTypes: true })) {
      const path = parent === '' ? entry.name : `${parent}/${entry.name}`;
      const verdict = rules.decide(path, matches);
      let kept = !verdict.ignored;
      if (entry.isDirectory() && (kept || rules.mayLetIn(path))) {
        kept = (await visit(path, verdict.matches)) || kept;
      }
      await onEntry(path, entry, kept);
      isAnyKept ||= kept;
      if (rules.steps - pausedAt < stepsAtOnce) continue;
      pausedAt = rules.steps;
      await setImmediate();
    }
    return isAnyKept;
  };
  await visit('', undefined);
}
