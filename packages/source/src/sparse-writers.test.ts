import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readSourceFile } from './read-file.js';
import { inChunks, makeSources } from './testing/index.js';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'slipway-sparse-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Returns a sparse file of the given size, with some bytes at each offset. */
function holed(path: string, size: number, offsets: readonly number[]): Buffer {
  const whole = Buffer.alloc(size);
  const fd = openSync(path, 'w');
  for (const offset of offsets) {
    const text = Buffer.from(`at ${offset}`);
    writeSync(fd, text, 0, text.length, offset);
    text.copy(whole, offset);
  }
  ftruncateSync(fd, size);
  closeSync(fd);
  return whole;
}

const longPath = `${'long/'.repeat(30)}x.img`;

/** Programs that pack sparse files as sparse. */
const writers = [
  ['GNU tar, old GNU', ['tar', '-cS', '--format=gnu']],
  ['GNU tar, pax 0.0', ['tar', '-cS', '--format=posix', '--sparse-version=0.0']],
  ['GNU tar, pax 0.1', ['tar', '-cS', '--format=posix', '--sparse-version=0.1']],
  ['GNU tar, pax 1.0', ['tar', '-cS', '--format=posix', '--sparse-version=1.0']],
  // The default of macOS.
  ['bsdtar, pax', ['bsdtar', '-cf', '-', '--format=pax']],
  ['bsdtar, restricted pax', ['bsdtar', '-cf', '-', '--format=paxr']],
] as const;

describe('a sparse file', () => {
  it.each(writers)('has its full size and its holes as zeros: %s', async (_, [command, ...options]) => {
    const dir = folder();
    mkdirSync(dirname(join(dir, longPath)), { recursive: true });
    const contents = new Map([
      ['end.img', holed(join(dir, 'end.img'), 2 * 2 ** 20 + 9, [2 * 2 ** 20])],
      ['start.img', holed(join(dir, 'start.img'), 3 * 2 ** 20 + 1, [0])],
      ['hole.img', holed(join(dir, 'hole.img'), 2 ** 20, [])],
      // More pieces than a header and its extension block can hold.
      [
        'many.img',
        holed(
          join(dir, 'many.img'),
          8 * 2 ** 20,
          Array.from({ length: 60 }, (__, n) => n * 131_072),
        ),
      ],
      [longPath, holed(join(dir, longPath), 2 ** 20, [500_000])],
    ]);
    linkSync(join(dir, 'end.img'), join(dir, 'hard.img'));
    contents.set('hard.img', contents.get('end.img') as Buffer);
    writeFileSync(join(dir, 'Dockerfile'), 'FROM scratch\n');
    const paths = ['Dockerfile', ...contents.keys()];
    const plain = execFileSync('tar', ['-c', '--format=posix', '-C', dir, ...paths], { maxBuffer: 2 ** 26 });
    const packed = execFileSync(command, [...options, '-C', dir, ...paths], { maxBuffer: 2 ** 26 });
    expect(packed.length).toBeLessThan(plain.length / 10);
    const { sources } = await makeSources();
    const { digest } = await sources.ingest(inChunks(plain));
    for (const size of [513, 65_536]) {
      expect(await sources.ingest(inChunks(packed, size))).toMatchObject({ digest, created: false });
    }
    for (const [path, content] of contents) {
      const stored = await readSourceFile({ sources, digest, path, maxBytes: 2 ** 24 });
      expect(content.equals(stored as Buffer)).toBe(true);
    }
  });

  it.each(writers)('counts with its holes: %s', async (_, [command, ...options]) => {
    const dir = folder();
    holed(join(dir, 'big.img'), 2 ** 30, [5]);
    const packed = execFileSync(command, [...options, '-C', dir, 'big.img']);
    const { sources, kept } = await makeSources({ maxBytes: 2 ** 30 - 1 });
    await expect(sources.ingest(inChunks(packed))).rejects.toMatchObject({ code: 'source_too_large' });
    expect(await kept()).toEqual([]);
  });

  it('requests room while it stores a hole, so that a limit stops it early', async () => {
    const dir = folder();
    holed(join(dir, 'big.img'), 2 ** 30, [5]);
    const packed = execFileSync('tar', ['-cS', '-C', dir, 'big.img']);
    const { sources, kept } = await makeSources({ maxBytes: 2 ** 31 });
    const asked: number[] = [];
    const room = {
      admit: async () => {},
      grow: async ({ disk }: { disk: number }) => {
        asked.push(disk);
        if (disk > 4 * 2 ** 20) throw new Error('no room');
      },
    };
    await expect(sources.ingest(inChunks(packed), { room })).rejects.toThrow('no room');
    expect(Math.max(...asked)).toBeLessThan(6 * 2 ** 20);
    expect(await kept()).toEqual([]);
  });
});
