import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { decodeName } from '../tar-fields.js';
import type { FolderMatches, IgnoreRules } from './rules.js';

interface WalkOptions {
  /** The folder of the build context, an absolute path. */
  readonly folder: string;
  readonly rules: IgnoreRules;
  /**
   * Receives each path, a folder after its content. An ignored folder with kept content counts as kept. Callers can skip
   * everything below a folder that is not kept.
   */
  readonly onEntry: (path: string, entry: Dirent<Buffer>, kept: boolean) => void | Promise<void>;
}

/** Steps of about 20 ms. The walk then yields to other work of the process. */
export const stepsAtOnce = 4_000_000;

const slash = Buffer.from('/');

/**
 * Walks a build context without following links, and reports the paths that its ignore file keeps. Throws `source_path_unsafe` for
 * a kept name that is not UTF-8.
 */
export async function walkContext({ folder, rules, onEntry }: WalkOptions): Promise<void> {
  let pausedAt = 0;
  const root = Buffer.from(`${folder}/`);
  const visit = async (parent: Buffer, matches: FolderMatches | undefined): Promise<boolean> => {
    let isAnyKept = false;
    const entries = await readdir(Buffer.concat([root, parent]), { withFileTypes: true, encoding: 'buffer' });
    for (const entry of entries) {
      const bytes = parent.length === 0 ? entry.name : Buffer.concat([parent, slash, entry.name]);
      const path = bytes.toString();
      const verdict = rules.decide(path, matches);
      let kept = !verdict.ignored;
      if (entry.isDirectory() && (kept || rules.mayLetIn(path))) {
        kept = (await visit(bytes, verdict.matches)) || kept;
      }
      if (kept) decodeName(bytes);
      await onEntry(path, entry, kept);
      isAnyKept ||= kept;
      if (rules.steps - pausedAt < stepsAtOnce) continue;
      pausedAt = rules.steps;
      await setImmediate();
    }
    return isAnyKept;
  };
  await visit(Buffer.alloc(0), undefined);
}
