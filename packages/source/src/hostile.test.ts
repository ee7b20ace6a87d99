import { gzipSync } from 'node:zlib';
import type { ErrorCode } from '@slipway/shared/errors';
import { describe, expect, it } from 'vitest';
import { archive, entry, file, gnuLong, hardLink, header, pax } from './hostile/blocks.js';
import { digestOf, hostileArchives, hugeArchives } from './hostile/index.js';
import { readSourceFile } from './read-file.js';
import type { SourceStore } from './source-store.js';
import { inChunks, makeSources } from './testing/index.js';

const ok = file('ok', 'fine');
const named = (path: string) => file(path);
const archives = hostileArchives();

/** Returns the entries of a stored source, with the contents of its files. */
async function formOf(sources: SourceStore, digest: string): Promise<Record<string, string>> {
  const form: Record<string, string> = {};
  for (const entry of (await sources.manifest(digest))?.entries ?? []) {
    if (entry.type === 'folder') form[entry.path] = '/';
    else if (entry.type === 'link') form[entry.path] = `-> ${entry.target}`;
    else
      form[entry.path] = String(await readSourceFile({ sources, digest, path: entry.path, maxBytes: 1e6 }));
  }
  return form;
}

describe('a hostile archive', () => {
  it('has a unique name', () => {
    const names = archives.map(({ standsFor, name }) => `${standsFor}: ${name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(archives)(
    '$name ($standsFor) is refused with its code and leaves nothing, or is stored only as expected',
    async ({ archive: bytes, expected }) => {
      const { sources, kept } = await makeSources({ maxBytes: 512 * 2 ** 20, maxFiles: 50_000 });
      // Tiny chunks of a large archive take long, and test no more than those of a small one.
      for (const chunk of [bytes.length, ...(bytes.length < 100_000 ? [7, 512] : [])]) {
        const taking = sources.ingest(inChunks(bytes, Math.max(1, chunk)));
        if (typeof expected === 'string') {
          await expect(taking).rejects.toMatchObject({ name: 'SlipwayError', code: expected });
          expect(await kept()).toEqual([]);
        } else {
          const { digest } = await taking;
          expect(await formOf(sources, digest)).toEqual(expected);
          expect(digest).toBe(digestOf(expected));
          const again = await sources.streamTar(digest);
          expect(await sources.ingest(again as NonNullable<typeof again>)).toMatchObject({
            digest,
            created: false,
          });
        }
      }
    },
  );

  it('is named in the error, shortened and escaped', async () => {
    const { sources } = await makeSources();
    const name = `/\u001b[31mred\u202e${'x'.repeat(200)}end`;
    await expect(sources.ingest(inChunks(archive(gnuLong(name), named('x'))))).rejects.toThrow(
      /^"\/\\u\{1b\}\[31mred\\u\{202e\}x+…x+end" is absolute\.$/,
    );
  });
});

describe('an archive that is not a tar', () => {
  const again = 'Send a tar or a tar.gz, as `tar -cz .` makes it.';
  const by = (command: string) => `\`${command} -dc FILE | gzip\` makes a tar.gz of the tar in it.`;
  const named: readonly (readonly [name: string, magic: string, advice: string])[] = [
    ['zip', 'PK\x03\x04', again],
    ['zip', 'PK\x05\x06', again],
    ['xz', '\xfd7zXZ\0', by('xz')],
    ['zstd', '\x28\xb5\x2f\xfd', by('zstd')],
    ['zstd', '\x50\x2a\x4d\x18\x04\0\0\0', by('zstd')],
    ['bzip2', 'BZh91AY&SY', by('bzip2')],
    ['lz4', '\x04\x22\x4d\x18', by('lz4')],
    ['lz4', '\x02\x21\x4c\x18', by('lz4')],
    ['lzip', 'LZIP\x01', by('lzip')],
    ['lzma', '\x5d\0\0\x80\0', by('xz')],
    ['lzop', '\x89LZO\0\r\n', by('lzop')],
    ['compress', '\x1f\x9d\x90', by('gzip')],
    ['7z', '7z\xbc\xaf\x27\x1c', again],
    ['rar', 'Rar!\x1a\x07\x01\0', again],
    ['cpio', '070707177000', again],
    ['cpio', '07070100a062', again],
    ['cpio', '\xc7\x71\0\xfe', again],
    ['ar', '!<arch>\ndebian-binary', again],
    ['xar', 'xar!\0\x1c', again],
    ['cab', 'MSCF\0\0\0\0', again],
    ['rpm', '\xed\xab\xee\xdb\x03', again],
  ];
  it.each(named)('is named: %s, %j', async (format, magic, advice) => {
    const { sources, kept } = await makeSources();
    const head = Buffer.from(magic, 'latin1');
    const refusal = { code: 'source_corrupt', message: `Its format is ${format}. ${advice}` };
    // Fillers that are and are not numbers in a header.
    for (const bytes of [head, ...[7, 0x20, 0x39, 0xff].map((fill) => Buffer.alloc(5000, fill))]) {
      head.copy(bytes);
      await expect(sources.ingest(inChunks(bytes, 3))).rejects.toMatchObject(refusal);
      await expect(sources.ingest(inChunks(gzipSync(bytes)))).rejects.toMatchObject(refusal);
    }
    expect(await kept()).toEqual([]);
  });

  it.each([
    '7z.txt',
    'LZIP-notes',
    'BZhang',
    '070701-plan',
    'PK\x03\x04',
    'xar!',
    'MSCF',
    'Rar!',
    '!<arch>\n',
    ']',
  ])('is a tar even if its first name is %j', async (name) => {
    const { sources } = await makeSources();
    const bytes = archive(file(name), ok);
    for (const sent of [bytes, gzipSync(bytes)])
      for (const size of [1, 511, 512, 65_536])
        expect(await sources.ingest(inChunks(sent, size))).toMatchObject({ files: 2 });
  });

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a text', Buffer.from('FROM scratch\n'.repeat(100))],
    ['a page', Buffer.from(`<!doctype html>${' '.repeat(2000)}`)],
  ])('is corrupt if its format is unknown: %s', async (_, bytes) => {
    const { sources } = await makeSources();
    for (const sent of [bytes, gzipSync(bytes)])
      await expect(sources.ingest(inChunks(sent))).rejects.toMatchObject({ code: 'source_corrupt' });
  });
});

it('shows a name that is not UTF-8 as its bytes', async () => {
  const { sources } = await makeSources();
  const taking = sources.ingest(inChunks(archive(file(Buffer.from('caf\xe9/"x"', 'latin1')))));
  await expect(taking).rejects.toMatchObject({
    code: 'source_path_unsafe',
    message: '"caf\\xe9/\\x22x\\x22" is not in UTF-8.',
  });
});

describe('limits', () => {
  const refused = async (
    code: ErrorCode,
    bytes: Buffer | AsyncIterable<Buffer>,
    limits: Parameters<typeof makeSources>[0],
  ) => {
    const { sources, kept } = await makeSources(limits);
    const body = Buffer.isBuffer(bytes) ? inChunks(bytes) : bytes;
    await expect(sources.ingest(body)).rejects.toMatchObject({ code });
    expect(await kept()).toEqual([]);
  };

  it('accepts maxFiles entries and no more', async () => {
    await refused('source_too_many_files', archive(named('a'), named('b'), named('c')), { maxFiles: 2 });
    const { sources } = await makeSources({ maxFiles: 3 });
    await expect(
      sources.ingest(inChunks(archive(named('a'), named('b'), named('c')))),
    ).resolves.toBeDefined();
  });

  it('counts implied folders', async () => {
    await refused('source_too_many_files', archive(named('a/b/c/d')), { maxFiles: 3 });
  });

  it('stops at maxBytes before any content arrives', async () => {
    const lie = header({ path: 'big', size: 2_000_001 });
    await refused('source_too_large', lie, { maxBytes: 2_000_000 });
  });

  it('counts hard links as copies', async () => {
    const original = entry({ path: 'big' }, Buffer.alloc(400));
    const links = [1, 2, 3].map((n) => hardLink(`h${n}`, 'big'));
    await refused('source_too_large', archive(original, ...links), { maxBytes: 1500 });
  });

  it('stops at maxArchiveBytes', async () => {
    await refused('body_too_large', archive(ok), { maxArchiveBytes: 2047 });
    const { sources } = await makeSources({ maxArchiveBytes: 2048 });
    await expect(sources.ingest(inChunks(archive(ok)))).resolves.toBeDefined();
  });

  it('stops a gzip bomb early', async () => {
    const bomb = gzipSync(archive(entry({ path: 'bomb' }, Buffer.alloc(50_000_000))));
    let asked = 0;
    const body = (async function* () {
      for await (const chunk of inChunks(bomb, 1024)) {
        asked += chunk.length;
        yield chunk;
      }
    })();
    await refused('source_ratio_exceeded', body, { maxRatio: 100 });
    expect(asked).toBeLessThan(bomb.length);
  });

  it('stops an archive that never ends after its end mark', async () => {
    const endless = (async function* () {
      yield archive(ok);
      for (;;) yield Buffer.alloc(65536);
    })();
    await refused('source_too_large', endless, { maxBytes: 1_000_000, maxFiles: 10 });
  });

  it('stops an archive of headers only', async () => {
    const endless = (async function* () {
      for (;;) yield pax({ comment: 'x'.repeat(5000) }, 'g');
    })();
    await refused('source_too_large', endless, { maxBytes: 1_000_000, maxFiles: 10 });
  });

  it.each(hugeArchives().filter(({ isLong }) => !isLong))(
    'stops $standsFor: $name',
    async ({ expected, open }) => {
      await refused(expected, open(), {
        maxArchiveBytes: 512 * 2 ** 20,
        maxBytes: 512 * 2 ** 20,
        maxFiles: 50_000,
      });
    },
  );
});
