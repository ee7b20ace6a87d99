import { hash } from 'node:crypto';
import type { SourceManifest } from './source-store.js';

/**
 * Returns the canonical manifest of a source. Its SHA-256 is the source's digest. These are its exact bytes, in UTF-8:
 *
 *     {"version":1,"files":2,"bytes":12,"entries":[
 *     {"path":"bin","type":"folder"},
 *     {"path":"bin/run","type":"file","mode":"0755","size":12,"sha256":"<64 hex digits>"},
 *     {"path":"run","type":"link","target":"bin/run"}
 *     ]}
 *
 * It has one line per entry, sorted by the bytes of the paths. It lists every folder, even if the archive did not, but not the
 * root. Every line ends with a line feed. Keys have the order shown, with no white space. In strings, `"` and `\` are escaped
 * with a backslash, the control characters below U+0020 as `\b \t \n \f \r` or `\u00xx` in lower case, and nothing else (like
 * JSON.stringify and RFC 8785). The mode is 0755 for a file that anyone may execute, else 0644. `files` counts files and links,
 * `bytes` the contents of all files.
 */
export function formatManifest({ files, bytes, entries }: Omit<SourceManifest, 'version'>): string {
  const lines = entries.map((entry) => JSON.stringify(entry)).join(',\n');
  return `{"version":1,"files":${files},"bytes":${bytes},"entries":[\n${lines}\n]}\n`;
}

export function manifestDigest(text: string): string {
  return `sha256:${hash('sha256', text)}`;
}

/** Parses a manifest that `formatManifest` wrote. */
export function parseManifest(text: string): SourceManifest {
  return JSON.parse(text) as SourceManifest;
}
