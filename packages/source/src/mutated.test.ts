import { gzipSync } from 'node:zlib';
import { type ErrorCode, errorCodes, SlipwayError } from '@slipway/shared/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { archive, entry, gnuLong, type HeaderFields, pax, record } from './hostile/blocks.js';
import { hostileArchives } from './hostile/index.js';
import type { SourceStore } from './source-store.js';
import { inChunks, makeSources } from './testing/index.js';

const limits = { maxBytes: 1e6, maxFiles: 1000, maxArchiveBytes: 1e6 };
const refusals = errorCodes.filter((code) => code.startsWith('source_') || code === 'body_too_large');

const name = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'a/b',
    './a',
    'a/',
    '../a',
    '/a',
    'a/../b',
    '',
    '.',
    'A',
    'é',
    'e\u0301',
    'a\0b',
    'l',
    'l/x',
  ),
  fc.string({ maxLength: 120, unit: 'binary' }),
);
const number = fc.oneof(
  fc.nat({ max: 2_000 }),
  fc.constantFrom('', ' ', '-1', '77777777777\0', '00000000001\0', '9'),
  fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
);
const fields: fc.Arbitrary<HeaderFields> = fc.record(
  {
    path: name,
    link: name,
    prefix: fc.constantFrom('', 'p', '..', '/p'),
    type: fc.constantFrom(...'01257', '0', '0', '5', '2', '3', '6', 'S', 'x', 'g', 'L', 'K', 'Z', '\0'),
    size: number,
    magic: fc.constantFrom('ustar\x0000', 'ustar  \0', '\0\0\0\0\0\0\0\0'),
    mode: fc.constantFrom(0o644, 0o755, 'x'),
    checksumError: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1),
  },
  { requiredKeys: ['path'] },
);
const content = fc.string({ maxLength: 1_500 });
const part = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(fields, content).map(([header, text]) => entry(header, text)) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.tuple(fc.constantFrom('path', 'linkpath', 'size', 'mtime', 'GNU.sparse.major'), name), {
        maxLength: 3,
      })
      .map((records) => pax(Buffer.concat(records.map(([key, value]) => record(key, value))))),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(name, fc.constantFrom('L' as const, 'K' as const))
      .map(([text, type]) => gnuLong(text, type)),
  },
);
/** A sparse file with a mostly valid map. */
const sparse = fc
  .record({
    holes: fc.array(fc.tuple(fc.nat({ max: 600 }), fc.nat({ max: 600 })), { maxLength: 30 }),
    tail: fc.nat({ max: 700 }),
    lie: fc.constantFrom(0, 0, 0, 1, -1),
    version: fc.constantFrom('0.0', '0.1', '1.0'),
  })
  .map(({ holes, tail, lie, version }) => {
    let at = 0;
    const map = holes.map(([hole, data]) => {
      const piece = [at + hole, data] as const;
      at += hole + data;
      return piece;
    });
    const data = Buffer.alloc(
      map.reduce((sum, [, length]) => sum + length, 0),
      'd',
    );
    const size = String(Math.max(0, at + tail + lie));
    const text = `${[map.length, ...map.flat()].join('\n')}\n`;
    switch (version) {
      case '0.0':
        return Buffer.concat([
          pax(
            Buffer.concat([
              record('GNU.sparse.size', size),
              record('GNU.sparse.numblocks', String(map.length)),
              ...map.flatMap(([offset, length]) => [
                record('GNU.sparse.offset', String(offset)),
                record('GNU.sparse.numbytes', String(length)),
              ]),
            ]),
          ),
          entry({ path: 's' }, data),
        ]);
      case '0.1':
        return Buffer.concat([
          pax({ 'GNU.sparse.size': size, 'GNU.sparse.map': map.flat().join(','), 'GNU.sparse.name': 's' }),
          entry({ path: 'other' }, data),
        ]);
      default:
        return Buffer.concat([
          pax({
            'GNU.sparse.major': '1',
            'GNU.sparse.minor': '0',
            'GNU.sparse.name': 's',
            'GNU.sparse.realsize': size,
          }),
          entry(
            { path: 'other' },
            Buffer.concat([Buffer.from(text), Buffer.alloc(-text.length & 511), data]),
          ),
        ]);
    }
  });
const built = fc
  .array(fc.oneof({ weight: 6, arbitrary: part }, { weight: 1, arbitrary: sparse }), {
    minLength: 1,
    maxLength: 8,
  })
  .map((parts) => archive(...parts));

const corpus = hostileArchives()
  // The bytes unpacked of a bomb before its refusal depend on the chunks.
  .filter(({ archive, expected }) => archive.length < 50_000 && expected !== 'source_ratio_exceeded')
  .map((each) => each.archive);
/** An archive of the corpus with some changed bytes. */
const flipped = fc
  .tuple(
    fc.constantFrom(...corpus),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 7 })), { minLength: 1, maxLength: 6 }),
  )
  .map(([bytes, flips]) => {
    const out = Buffer.from(bytes);
    for (const [at, bit] of flips)
      if (out.length > 0) out[at % out.length] = (out[at % out.length] as number) ^ (1 << bit);
    return out;
  });

/** Returns the digest of an accepted archive, or the code of a refused one. Throws any other error. */
async function outcomeOf(sources: SourceStore, bytes: Buffer, size: number): Promise<string> {
  try {
    return (await sources.ingest(inChunks(bytes, size))).digest;
  } catch (error) {
    expect(error).toBeInstanceOf(SlipwayError);
    const { code } = error as SlipwayError;
    expect(refusals).toContain(code);
    return code;
  }
}

describe('an archive of mutated fields', () => {
  it.each([
    ['built from parts', built, 500],
    ['of the corpus, with flipped bits', flipped, 500],
  ])(
    '%s is refused with a code, or has the digest of its normal form, in any chunks',
    async (_, archives, numRuns) => {
      const { sources } = await makeSources(limits);
      await fc.assert(
        fc.asyncProperty(archives, fc.constantFrom(1, 100, 512, 700), async (bytes, size) => {
          const outcome = await outcomeOf(sources, bytes, 65_536);
          const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
          const again = await outcomeOf(sources, bytes, size);
          // If both the archive and its compression are invalid, the chunks decide which error comes first.
          if (isPacked && refusals.includes(outcome as ErrorCode)) expect(refusals).toContain(again);
          else expect(again).toBe(outcome);
          if (!isPacked) expect(await outcomeOf(sources, gzipSync(bytes), 65_536)).toBe(outcome);
          const tar = await sources.streamTar(outcome);
          if (!outcome.startsWith('sha256:')) return;
          expect(tar && (await sources.ingest(tar))).toMatchObject({ digest: outcome, created: false });
        }),
        { numRuns },
      );
    },
  );
});
