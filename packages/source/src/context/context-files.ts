/** An entry of a context. `other` is a device, a pipe or a socket. */
type ContextEntry =
  | { readonly type: 'file'; readonly size: number }
  | { readonly type: 'folder' | 'other' }
  | { readonly type: 'link'; readonly target: string };

/** The files of a build, in any kind of storage. Paths are relative to the context, in normal form; '' is the context itself. */
export interface ContextFiles {
  /** Returns undefined for a missing entry. Follows no link: callers only pass paths without links. */
  entry(path: string): Promise<ContextEntry | undefined>;
  /** Returns the content of a file. */
  read(path: string): Promise<Uint8Array>;
  /** Returns all paths, including folders, unordered. */
  paths(): Promise<readonly string[]>;
}

/** As in Linux, a path through more links than this counts as a loop. */
const maxLinks = 40;

/**
 * Resolves a path with the context as the root of all links, as engines do: an absolute link begins at the context, and `..` stays
 * in it. Undefined for a missing entry or a loop of links. Never looks outside the context.
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
