import { unsafeLink } from './refusals.js';

/** As Linux does, a path that passes more links than this counts as a loop. */
const maxHops = 40;
/** Over all links of a tree; honest ones need a dozen steps each. */
const maxSteps = 2_000_000;

interface Item {
  readonly path: string;
  /** Of a link; `undefined` for all else. */
  readonly target: string | undefined;
}

interface Node {
  readonly children: Map<string, Node>;
  target: string | undefined;
}

/**
 * Throws `source_link_unsafe` for a link that is absolute, that leaves the root when it is followed step by step through
 * all other links, or that never arrives. A link to what is not there is fine as long as it stays inside.
 */
export function checkLinks(items: Iterable<Item>): void {
  const root: Node = { children: new Map(), target: undefined };
  const links: Item[] = [];
  for (const item of items) {
    insert(root, item);
    if (item.target !== undefined) links.push(item);
  }
  let steps = 0;
  for (const link of links) {
    steps += follow(root, link, maxSteps - steps);
  }
}

function insert(root: Node, { path, target }: Item): void {
  let node = root;
  for (const segment of path.split('/')) {
    let child = node.children.get(segment);
    if (child === undefined) {
      child = { children: new Map(), target: undefined };
      node.children.set(segment, child);
    }
    node = child;
  }
  node.target = target;
}

/** Follows a link to where it ends, and returns how many steps that took. */
function follow(root: Node, { path }: Item, budget: number): number {
  /** The folders from the root down to where we stand; `undefined` for those that are not there. */
  const place: (Node | undefined)[] = [];
  /** What is still to be walked, the next part last. */
  const ahead = path.split('/').reverse();
  let hops = 0;
  let steps = 0;
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (++steps > budget) throw unsafeLink(path, 'is one of too many to follow');
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (place.length === 0) throw unsafeLink(path, 'leads out of the archive');
      place.pop();
      continue;
    }
    const here = place.length === 0 ? root : place.at(-1);
    const next = here?.children.get(part);
    if (next?.target === undefined) {
      place.push(next);
      continue;
    }
    if (++hops > maxHops) throw unsafeLink(path, 'never arrives');
    if (next.target.startsWith('/')) throw unsafeLink(path, 'is absolute');
    for (const segment of next.target.split('/').reverse()) ahead.push(segment);
  }
  return steps;
}
