import { describe, expect, it } from 'vitest';
import { encodeHeader, type HeaderFields, headerLength } from './tar-encoder.js';
import { type TarEntry, TarReader } from './tar-reader.js';
import { archive, endMark, patched, tarEntry } from './testing/index.js';

/** Returns the entries that a reader finds in an archive, in chunks of `size` bytes. */
function read(bytes: Buffer, size = bytes.length): (TarEntry & { content: string })[] {
  const entries: (TarEntry & { content: string })[] = [];
  let content = '';
  let current: TarEntry | undefined;
  const reader = new TarReader({
    sink: {
      entry: (entry) => {
        current = entry;
      },
      content: (piece) => {
        content += piece.toString('latin1');
      },
      entryEnd: () => {
        if (current) entries.push({ ...current, content });
        content = '';
      },
    },
  });
  for (let at = 0; at < bytes.length; at += size) reader.write(bytes.subarray(at, at + size));
  reader.end();
  return entries;
}

describe('a tar reader', () => {
  it('reports each entry and its content, for any split of the bytes', () => {
    const bytes = archive(
      tarEntry({ path: 'a', mode: 0o755 }, Buffer.from('x'.repeat(1000))),
      tarEntry({ path: 'empty' }),
      tarEntry({ path: 'd/', type: 'Directory' }),
      tarEntry({ path: `ü${'l'.repeat(120)}`, type: 'SymbolicLink', linkpath: 'ö'.repeat(90) }),
    );
    const expected = read(bytes);
    expect(expected).toEqual([
      { path: 'a', type: 'file', executable: true, size: 1000, target: '', content: 'x'.repeat(1000) },
      { path: 'empty', type: 'file', executable: false, size: 0, target: '', content: '' },
      { path: 'd/', type: 'folder', executable: false, size: 0, target: '', content: '' },
      {
        path: `ü${'l'.repeat(120)}`,
        type: 'link',
        executable: false,
        size: 0,
        target: 'ö'.repeat(90),
        content: '',
      },
    ]);
    for (const size of [1, 2, 3, 100, 511, 512, 513, 1024, 1500]) expect(read(bytes, size)).toEqual(expected);
  });

  it('keeps a line break in a long name', () => {
    const path = `${'n'.repeat(120)}\nand more`;
    expect(read(archive(tarEntry({ path })))).toMatchObject([{ path }]);
  });

  it('reads a file with a trailing slash as a folder, like archives older than ustar', () => {
    for (const flag of ['0', '\0']) {
      const old = patched(tarEntry({ path: 'd/' }), (block) => {
        block.write(flag, 156);
        block.fill(0, 257, 265);
      });
      expect(read(archive(old))).toMatchObject([{ path: 'd/', type: 'folder' }]);
    }
  });

  it('accepts a checksum over signed bytes', () => {
    const entry = tarEntry({ path: 'x'.repeat(20) });
    entry.write('ü'.repeat(10), 0);
    entry.fill(' ', 148, 156);
    const sum = entry.subarray(0, 512).reduce((total, byte) => total + (byte < 128 ? byte : byte - 256), 0);
    entry.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    expect(read(archive(entry))).toMatchObject([{ path: 'ü'.repeat(10) }]);
  });

  it('reads a prefix after the magic of POSIX, but not after that of GNU', () => {
    const entry = (magic: string) =>
      patched(tarEntry({ path: 'name' }), (block) => {
        block.write(magic, 257);
        block.write('14500000000', 345);
      });
    expect(read(archive(entry('ustar\x0000')))).toMatchObject([{ path: '14500000000/name' }]);
    expect(read(archive(entry('ustar  \0')))).toMatchObject([{ path: 'name' }]);
  });

  it('ignores data after the end mark, and accepts half of one at the very end', () => {
    const entry = tarEntry({ path: 'a' });
    expect(read(Buffer.concat([archive(entry), Buffer.from('rest')]))).toMatchObject([{ path: 'a' }]);
    expect(read(Buffer.concat([entry, endMark.subarray(512)]))).toMatchObject([{ path: 'a' }]);
  });
});

describe('the encoder', () => {
  const fields: HeaderFields = { path: 'x', type: 'file', executable: false, size: 0, target: '' };
  const encoded = (header: HeaderFields): Buffer => {
    const out = Buffer.alloc(headerLength(header), 0xee);
    expect(encodeHeader(header, out, 0)).toBe(out.length);
    return out;
  };

  it('writes names and targets of every length so that they can be read again', () => {
    for (let length = 1; length < 1100; length++) {
      const name = 'ab/'.repeat(400).slice(0, length).replace(/\/$/, 'c');
      const [file, folder, link] = read(
        archive(
          encoded({ ...fields, path: name }),
          encoded({ ...fields, path: name, type: 'folder' }),
          encoded({ ...fields, path: 'l', type: 'link', target: name }),
        ),
      );
      expect([file?.path, folder?.path, link?.target]).toEqual([name, `${name}/`, name]);
    }
  });

  it('writes names beyond ASCII, which take more bytes than characters', () => {
    for (let length = 20; length < 120; length++) {
      const name = '日'.repeat(length);
      expect(read(archive(encoded({ ...fields, path: name })))).toMatchObject([{ path: name }]);
    }
  });

  it('writes sizes beyond eight gibibytes', () => {
    for (const size of [0o77777777777, 0o77777777777 + 1, 9 * 2 ** 40]) {
      let seen: TarEntry | undefined;
      const reader = new TarReader({
        sink: {
          entry: (entry) => {
            seen = entry;
          },
          content: () => {},
          entryEnd: () => {},
        },
      });
      reader.write(encoded({ ...fields, size }));
      expect(seen?.size).toBe(size);
    }
  });
});
