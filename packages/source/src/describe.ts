import { formatManifest, manifestDigest } from './manifest.js';
import { sortKey } from './paths.js';
import type { SourceEntry, SourceInfo } from './source-store.js';

/**
 * What a source of these entries would be, in any order, without storing anything: the digest that an upload of the same
 * files answers with. Every folder must be listed; nothing is checked.
 */
export function describeSource(entries: Iterable<SourceEntry>): SourceInfo {
  const sorted = [...entries]
    .map((entry) => ({ entry, key: sortKey(entry.path) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ entry }) => entry);
  let files = 0;
  let bytes = 0;
  for (const entry of sorted) {
    if (entry.type !== 'folder') files++;
    if (entry.type === 'file') bytes += entry.size;
  }
  return { digest: manifestDigest(formatManifest({ files, bytes, entries: sorted })), files, bytes };
}
