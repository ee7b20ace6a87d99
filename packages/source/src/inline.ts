import { normalPath } from './paths.js';
import { unsafePath } from './refusals.js';
import { encodeHeader, type HeaderFields, headerLength } from './tar-encoder.js';
import { endOfArchive, padded } from './tar-format.js';

/** Packs texts by path as a tar, one piece per file plus the end mark. Throws `source_path_unsafe` for an invalid path. */
export function* packFiles(files: Readonly<Record<string, string>>): Generator<Buffer, void> {
  for (const [path, text] of Object.entries(files)) yield pack(path, Buffer.from(text));
  yield endOfArchive;
}

function pack(path: string, content: Buffer): Buffer {
  if (path.endsWith('/')) throw unsafePath(path, 'names a folder');
  const fields: HeaderFields = {
    path: normalPath(path),
    type: 'file',
    executable: false,
    size: content.length,
    target: '',
  };
  const start = headerLength(fields);
  const bytes = Buffer.alloc(start + padded(content.length));
  encodeHeader(fields, bytes, 0);
  content.copy(bytes, start);
  return bytes;
}
