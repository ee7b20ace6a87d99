import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../errors/index.js';
import { archive, endMark, inChunks, makeSources, patched, tarEntry } from './testing.js';

const ok = tarEntry({ path: 'ok' }, Buffer.from('fine'));
const named = (path: string) => tarEntry({ path }, Buffer.from('x'));
const symlink = (path: string, linkpath: string) => tarEntry({ path, type: 'SymbolicLink', linkpath });
const hardLink = (path: string, linkpath: string) => tarEntry({ path, type: 'Link', linkpath });
const typed = (path: string, flag: string) =>
  patched(tarEntry({ path }), (block) => {
    block.write(flag, 156);
  });
const pax = (records: Buffer | string, flag = 'x') => {
  const body = Buffer.from(records);
  return Buffer.concat([
    patched(tarEntry({ path: 'PaxHeader' }, body), (block) => {
      block.write(flag, 156);
    }),
  ]);
};
const record = (key: string, value: Buffer | string) => {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return Buffer.concat([Buffer.from(String(length)), rest]);
};
const gnuLong = (name: string | Buffer, flag: 'L' | 'K' = 'L') =>
  patched(
    tarEntry({ path: '././@LongLink' }, Buffer.concat([Buffer.from(name), Buffer.alloc(1)])),
    (block) => {
      block.write(flag, 156);
    },
  );
const withName = (bytes: number[]) =>
  patched(tarEntry({ path: 'x'.repeat(bytes.length) }), (block) => {
    Buffer.from(bytes).copy(block, 0);
  });
const withSize = (text: string) =>
  patched(tarEntry({ path: 'f' }), (block) => {
    block.write(text.padEnd(12, '\0'), 124, 'latin1');
  });

const cases: readonly [what: string, code: ErrorCode, archive: Buffer][] = [
  // Paths.
  ['an absolute path', 'source_path_unsafe', archive(ok, named('/etc/passwd'))],
  ['a path that climbs', 'source_path_unsafe', archive(ok, named('../evil'))],
  ['a path that climbs in the middle', 'source_path_unsafe', archive(ok, named('a/../../evil'))],
  ['a path that climbs and comes back', 'source_path_unsafe', archive(ok, named('a/../b'))],
  ['a path that ends by climbing', 'source_path_unsafe', archive(ok, named('a/..'))],
  ['a pax path that climbs', 'source_path_unsafe', archive(ok, pax(record('path', '../evil')), named('ok2'))],
  ['a GNU long path that climbs', 'source_path_unsafe', archive(ok, gnuLong('../evil'), named('ok2'))],
  [
    'a ustar prefix that climbs',
    'source_path_unsafe',
    archive(
      patched(named('evil'), (block) => {
        block.write('..', 345);
      }),
    ),
  ],
  ['a pax path with a zero byte', 'source_path_unsafe', archive(pax(record('path', 'a\0b')), named('x'))],
  ['a GNU long path with a zero byte', 'source_path_unsafe', archive(gnuLong('a\0b'), named('x'))],
  ['a path that is not UTF-8', 'source_path_unsafe', archive(withName([0x61, 0xff, 0xfe]))],
  ['a path with an overlong UTF-8 slash', 'source_path_unsafe', archive(withName([0x2e, 0x2e, 0xc0, 0xaf]))],
  [
    'a pax path that is not UTF-8',
    'source_path_unsafe',
    archive(pax(record('path', Buffer.from([0xc3, 0x28]))), named('x')),
  ],
  ['an empty path', 'source_path_unsafe', archive(withName([0]))],
  ['a path with a part of 256 bytes', 'source_path_unsafe', archive(named('x'.repeat(256)))],
  ['a path of 4,097 bytes', 'source_path_unsafe', archive(gnuLong(`${'abcdefg/'.repeat(512)}x`), named('x'))],
  ['a file in place of the root', 'source_path_unsafe', archive(ok, named('.'))],
  // Links.
  ['an absolute link', 'source_link_unsafe', archive(ok, symlink('l', '/etc/passwd'))],
  ['a link that climbs out', 'source_link_unsafe', archive(ok, symlink('l', '../x'))],
  [
    'a link that climbs out of its folder twice',
    'source_link_unsafe',
    archive(ok, symlink('a/l', '../../x')),
  ],
  ['a long link that climbs out', 'source_link_unsafe', archive(ok, gnuLong('../x', 'K'), symlink('l', 'y'))],
  [
    'a pax link that climbs out',
    'source_link_unsafe',
    archive(ok, pax(record('linkpath', '../x')), symlink('l', 'y')),
  ],
  [
    'a chain of links that climbs out',
    'source_link_unsafe',
    archive(ok, symlink('d1/d2/up', '../..'), symlink('l', 'd1/d2/up/..')),
  ],
  [
    'the same chain, the other way round',
    'source_link_unsafe',
    archive(symlink('l', 'd1/d2/up/..'), symlink('d1/d2/up', '../..'), ok),
  ],
  [
    'a link through a link to the root',
    'source_link_unsafe',
    archive(ok, symlink('r', '.'), symlink('l', 'r/../x')),
  ],
  ['a link to itself', 'source_link_unsafe', archive(ok, symlink('l', 'l'))],
  ['two links to each other', 'source_link_unsafe', archive(ok, symlink('a', 'b'), symlink('b', 'a'))],
  ['a link into itself', 'source_link_unsafe', archive(ok, symlink('l', 'l/x'))],
  [
    'a link with a zero byte',
    'source_link_unsafe',
    archive(ok, pax(record('linkpath', 'a\0b')), symlink('l', 'y')),
  ],
  [
    'a link without a target',
    'source_link_unsafe',
    archive(
      ok,
      patched(tarEntry({ path: 'l' }), (block) => {
        block.write('2', 156);
      }),
    ),
  ],
  [
    'a link of 5,000 bytes',
    'source_link_unsafe',
    archive(ok, gnuLong('x/'.repeat(2500), 'K'), symlink('l', 'y')),
  ],
  [
    'forty links that double at each step',
    'source_link_unsafe',
    archive(
      ok,
      symlink('l0', '.'),
      ...Array.from({ length: 40 }, (_, i) => symlink(`l${i + 1}`, `l${i}/l${i}`)),
    ),
  ],
  ['a hard link to what is outside', 'source_link_unsafe', archive(ok, hardLink('h', '/etc/passwd'))],
  ['a hard link that climbs', 'source_link_unsafe', archive(ok, hardLink('h', '../ok'))],
  ['a hard link to what comes later', 'source_link_unsafe', archive(hardLink('h', 'ok'), ok)],
  ['a hard link to a link', 'source_link_unsafe', archive(ok, symlink('l', 'ok'), hardLink('h', 'l'))],
  ['a hard link to a folder', 'source_link_unsafe', archive(named('d/x'), hardLink('h', 'd'))],
  ['a hard link to itself', 'source_link_unsafe', archive(ok, hardLink('h', 'h'))],
  // Kinds.
  ...[...'346DSMNVAX'].map((flag): [string, ErrorCode, Buffer] => [
    `an entry of type ${flag}`,
    'source_entry_unsupported',
    archive(ok, typed('thing', flag)),
  ]),
  [
    'a sparse file in pax',
    'source_entry_unsupported',
    archive(pax(record('GNU.sparse.major', '1')), named('GNUSparseFile.0/x')),
  ],
  // Paths against each other.
  ['a file twice', 'source_path_duplicate', archive(ok, ok)],
  ['a file twice, spelt differently', 'source_path_duplicate', archive(ok, named('./ok'))],
  ['a file twice, with doubled slashes', 'source_path_duplicate', archive(named('a/b'), named('a//./b'))],
  [
    'a folder twice',
    'source_path_duplicate',
    archive(ok, tarEntry({ path: 'd/', type: 'Directory' }), tarEntry({ path: './d', type: 'Directory' })),
  ],
  ['a link in place of a file', 'source_path_duplicate', archive(ok, symlink('ok', 'x'))],
  ['a file below a file', 'source_path_conflict', archive(ok, named('ok/below'))],
  ['a file below a link', 'source_path_conflict', archive(ok, symlink('l', 'd'), named('l/below'))],
  ['a file in place of a folder', 'source_path_conflict', archive(named('d/x'), named('d'))],
  ['a link in place of a folder', 'source_path_conflict', archive(named('d/e/x'), symlink('d/e', '..'))],
  // Archives that are none, or that two readers would read in two ways.
  ['nothing at all', 'source_corrupt', Buffer.alloc(0)],
  ['one byte', 'source_corrupt', Buffer.from('x')],
  ['text', 'source_corrupt', Buffer.from('not an archive '.repeat(100))],
  ['a zip', 'source_corrupt', Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(2000, 7)])],
  ['an end mark alone', 'source_empty', endMark],
  ['folders alone', 'source_empty', archive(tarEntry({ path: 'd/', type: 'Directory' }))],
  ['no end mark', 'source_corrupt', ok],
  ['a cut in the content', 'source_corrupt', ok.subarray(0, 514)],
  ['a cut in the padding', 'source_corrupt', ok.subarray(0, 600)],
  ['a cut in a header', 'source_corrupt', Buffer.concat([ok, ok.subarray(0, 100)])],
  ['a cut in a pax header', 'source_corrupt', pax(record('path', 'x')).subarray(0, 520)],
  ['a cut in the end mark', 'source_corrupt', Buffer.concat([ok, Buffer.alloc(100)])],
  ['half an end mark in the middle', 'source_corrupt', archive(ok, Buffer.alloc(512), named('x'))],
  ['a pax header that describes nothing', 'source_corrupt', archive(ok, pax(record('path', 'x')))],
  [
    'two pax headers for one entry',
    'source_corrupt',
    archive(pax(record('mtime', '1')), pax(record('uid', '1')), ok),
  ],
  ['two names for one entry', 'source_corrupt', archive(pax(record('path', 'a')), gnuLong('b'), ok)],
  ['a global name', 'source_corrupt', archive(pax(record('path', 'a'), 'g'), ok)],
  ['a global size', 'source_corrupt', archive(pax(record('size', '512'), 'g'), ok)],
  ['a pax record with a false length', 'source_corrupt', archive(pax('99 path=x\n'), ok)],
  ['a pax record of length 0', 'source_corrupt', archive(pax('0 path=x\n'), ok)],
  ['a pax record without an end', 'source_corrupt', archive(pax('11 path=xyz'), ok)],
  ['a pax size that is no number', 'source_corrupt', archive(pax(record('size', '-1')), ok)],
  [
    'a pax header of two mebibytes',
    'source_corrupt',
    archive(pax(record('comment', 'x'.repeat(2 ** 21))), ok),
  ],
  ['a wrong checksum', 'source_corrupt', archive(ok, Buffer.concat([Buffer.from('X'), ok.subarray(1)]))],
  ['a size that is no number', 'source_corrupt', archive(withSize('12x4'))],
  ['a negative size', 'source_corrupt', archive(withSize('\xff'.repeat(12)))],
  [
    'a size beyond all numbers',
    'source_corrupt',
    archive(withSize('\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff')),
  ],
  [
    'a folder with content',
    'source_corrupt',
    archive(
      patched(tarEntry({ path: 'd' }, Buffer.from('x')), (block) => {
        block.write('5', 156);
      }),
    ),
  ],
  [
    'a link with content',
    'source_corrupt',
    archive(
      patched(tarEntry({ path: 'd', type: 'SymbolicLink', linkpath: 'x' }), (block) => {
        block.write('00000000001\0', 124);
      }),
    ),
  ],
  // Gzip.
  ['gzip in gzip', 'source_corrupt', gzipSync(gzipSync(archive(ok)))],
  ['gzip cut short', 'source_corrupt', gzipSync(archive(ok)).subarray(0, 60)],
  ['gzip without its trailer', 'source_corrupt', gzipSync(archive(ok)).subarray(0, -8)],
  [
    'gzip with a wrong checksum',
    'source_corrupt',
    Buffer.concat([gzipSync(archive(ok)).subarray(0, -8), Buffer.alloc(8, 1)]),
  ],
  [
    'gzip followed by something else',
    'source_corrupt',
    Buffer.concat([gzipSync(archive(ok)), Buffer.from('tail')]),
  ],
  ['gzip magic alone', 'source_corrupt', Buffer.from([0x1f, 0x8b])],
  ['an unsafe path in gzip', 'source_path_unsafe', gzipSync(archive(ok, named('../evil')))],
];

describe('a hostile archive', () => {
  it.each(cases)(
    'with %s is refused as %s, in whole or in crumbs, and nothing is kept',
    async (_, code, bytes) => {
      const { sources, kept } = await makeSources();
      for (const chunk of [bytes.length, 7, 512]) {
        await expect(sources.ingest(inChunks(bytes, Math.max(1, chunk)))).rejects.toMatchObject({
          name: 'SlipwayError',
          code,
        });
      }
      expect(await kept()).toEqual([]);
    },
  );

  it('is named in the error, shortened and escaped', async () => {
    const { sources } = await makeSources();
    const name = `/\u001b[31mred\u202e${'x'.repeat(200)}end`;
    await expect(sources.ingest(inChunks(archive(named(name))))).rejects.toThrow(
      /^"\/\\u\{1b\}\[31mred\\u\{202e\}x+…x+end" is absolute\.$/,
    );
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

  it('stops at maxFiles, and takes exactly as many', async () => {
    await refused('source_too_many_files', archive(named('a'), named('b'), named('c')), { maxFiles: 2 });
    const { sources } = await makeSources({ maxFiles: 3 });
    await expect(
      sources.ingest(inChunks(archive(named('a'), named('b'), named('c')))),
    ).resolves.toBeDefined();
  });

  it('counts folders that are only implied', async () => {
    await refused('source_too_many_files', archive(named('a/b/c/d')), { maxFiles: 3 });
  });

  it('stops at maxBytes before a byte of content has come', async () => {
    const lie = tarEntry({ path: 'big', size: 2_000_001 }).subarray(0, 512);
    await refused('source_too_large', lie, { maxBytes: 2_000_000 });
  });

  it('counts hard links as copies', async () => {
    const original = tarEntry({ path: 'big' }, Buffer.alloc(400));
    const links = [1, 2, 3].map((n) => hardLink(`h${n}`, 'big'));
    await refused('source_too_large', archive(original, ...links), { maxBytes: 1500 });
  });

  it('stops at maxArchiveBytes', async () => {
    await refused('body_too_large', archive(ok), { maxArchiveBytes: 2047 });
    const { sources } = await makeSources({ maxArchiveBytes: 2048 });
    await expect(sources.ingest(inChunks(archive(ok)))).resolves.toBeDefined();
  });

  it('stops a gzip bomb after little of it has been unpacked', async () => {
    const bomb = gzipSync(archive(tarEntry({ path: 'bomb' }, Buffer.alloc(50_000_000))));
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

  it('stops an archive that goes on for ever after its end', async () => {
    const endless = (async function* () {
      yield archive(ok);
      for (;;) yield Buffer.alloc(65536);
    })();
    await refused('source_too_large', endless, { maxBytes: 1_000_000, maxFiles: 10 });
  });

  it('stops an archive of nothing but headers', async () => {
    const endless = (async function* () {
      for (;;) yield pax(record('comment', 'x'.repeat(5000)), 'g');
    })();
    await refused('source_too_large', endless, { maxBytes: 1_000_000, maxFiles: 10 });
  });
});
