import { createHash } from 'node:crypto';

/**
 * Returns the nodes in the order that a key prefers: rendezvous hashing (highest random weight). The same key has the same order in
 * every process, and the loss of a node moves only the keys of that node.
 */
export function rendezvous(key: string, nodes: readonly string[]): string[] {
  return nodes
    .map((node) => ({
      node,
      weight: createHash('sha256').update(`${key}\n${node}`).digest().readUIntBE(0, 6),
    }))
    .sort((a, b) => b.weight - a.weight)
    .map(({ node }) => node);
}
