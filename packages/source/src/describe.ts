import { formatManifest, manifestDigest } from './manifest.js';
import { sortKey } from './paths.js';
import type { SourceEntry, SourceInfo } from './source-store.js';

/**
 * Returns the info of a source with these entries, in any order, without storing it. The digest is the one that an upload of the
 * same files returns. The caller must list every folder; nothing is validated.
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
