import { expect, test } from 'vitest';
import { describeSource } from './describe.js';
import { formatManifest, manifestDigest } from './manifest.js';
import type { SourceEntry } from './source-store.js';

const file = (path: string, size: number): SourceEntry => ({
  ...{ path, type: 'file', mode: '0644', size, sha256: 'a'.repeat(64) },
});

test('entries in any order have the manifest of the same source', () => {
  // By bytes, U+FFFD sorts before characters beyond the basic plane; by UTF-16 units, after them.
  const entries: SourceEntry[] = [
    file('Dockerfile', 3),
    { path: 'a', type: 'folder' },
    file('a/b', 4),
    { path: 'a/link', type: 'link', target: 'b' },
    file('a\u{fffd}', 0),
    file('a\u{1f600}', 5),
  ];
  const digest = manifestDigest(formatManifest({ files: 5, bytes: 12, entries }));
  expect(describeSource(entries)).toEqual({ digest, files: 5, bytes: 12 });
  expect(describeSource([...entries].reverse())).toEqual({ digest, files: 5, bytes: 12 });
});
