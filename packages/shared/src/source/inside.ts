import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** As Linux does, a path that passes more links than this counts as a loop. */
const maxLinks = 40;

/**
 * Returns where a path of a context leads when the context is the root of all links, as engines see it: an absolute link begins at the
 * context, and `..` stays there. Undefined when nothing is there, or links go in a circle. No file outside of `dir` is looked at.
 */
export async function insideContext(dir: string, path: string): Promise<string | undefined> {
  const ahead = path.split('/').reverse();
  let place: string[] = [];
  let links = 0;
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      place.pop();
      continue;
    }
    const full = join(dir, ...place, part);
    const stats = await lstat(full).catch(() => undefined);
    if (stats === undefined) return undefined;
    if (!stats.isSymbolicLink()) {
      place.push(part);
      continue;
    }
    if (++links > maxLinks) return undefined;
    const target = await readlink(full);
    if (target.startsWith('/')) place = [];
    ahead.push(...target.split('/').reverse());
  }
  return join(dir, ...place);
}
