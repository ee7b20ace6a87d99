import { createHash } from 'node:crypto';

/**
 * The nodes in the order in which a key wants them: rendezvous hashing (highest random weight). The same key has the
 * same order everywhere, and the loss of a node moves only that node's keys.
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
