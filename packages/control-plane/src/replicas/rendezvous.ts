import { createHash } from 'node:crypto';

interface Weighted {
  readonly node: string;
  readonly weight: number;
}

/**
 * Returns a function that orders nodes by the preference of a key: rendezvous hashing (highest random weight). It returns the first `count`
 * nodes. The same key has the same order in every process, and the loss of a node moves only the keys of that node. Each node is hashed once,
 * not once for each key.
 */
export function rendezvous(nodes: readonly string[]) {
  const seeds = nodes.map(seedOf);
  return (key: string, count = nodes.length): string[] => {
    const seed = seedOf(key);
    const first: Weighted[] = [];
    for (const [at, node] of nodes.entries()) {
      const weighted = { node, weight: mixed(seed ^ (seeds[at] ?? 0)) };
      let place = first.length;
      while (place > 0 && isBefore(weighted, first[place - 1])) place--;
      if (place >= count) continue;
      first.splice(place, 0, weighted);
      if (first.length > count) first.pop();
    }
    return first.map(({ node }) => node);
  };
}

const isBefore = (a: Weighted, b: Weighted | undefined) =>
  b !== undefined && (a.weight > b.weight || (a.weight === b.weight && a.node < b.node));

const seedOf = (text: string) => createHash('sha256').update(text).digest().readInt32LE(0);

/** Mixes the bits of a 32-bit number (the finalizer of MurmurHash3). */
function mixed(bits: number): number {
  let hash = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
