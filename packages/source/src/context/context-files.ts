/** What is at a path of a context. `other` is a device, a pipe or a socket. */
type ContextEntry =
  | { readonly type: 'file'; readonly size: number }
  | { readonly type: 'folder' | 'other' }
  | { readonly type: 'link'; readonly target: string };

/** The files that a build sees, wherever they are kept. Paths are relative to the context, in normal form; '' is the context itself. */
export interface ContextFiles {
  /** Returns undefined when nothing is there. Follows no link: callers ask only for paths that pass none. */
  entry(path: string): Promise<ContextEntry | undefined>;
  /** The content of a file. */
  read(path: string): Promise<Uint8Array>;
  /** Every path, folders included, in no order. */
  paths(): Promise<readonly string[]>;
}

/** As Linux does, a path that passes more links than this counts as a loop. */
const maxLinks = 40;

/**
 * Returns where a path of a context leads when the context is the root of all links, as engines see it: an absolute link begins at the
 * context, and `..` stays there. Undefined when nothing is there, or links go in a circle. Nothing outside of the context is looked at.
 */
export async function insideContext(context: ContextFiles, path: string): Promise<string | undefined> {
  const ahead = path.split('/').reverse();
  let place: string[] = [];
  let links = 0;
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      place.pop();
      continue;
    }
    const entry = await context.entry([...place, part].join('/'));
    if (entry === undefined) return undefined;
    if (entry.type !== 'link') {
      place.push(part);
      continue;
    }
    if (++links > maxLinks) return undefined;
    if (entry.target.startsWith('/')) place = [];
    ahead.push(...entry.target.split('/').reverse());
  }
  return place.join('/');
}
