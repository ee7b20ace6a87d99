import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../blob-store.js';

interface Conformance {
  readonly name: string;
  readonly create: () => Promise<TestedStore>;
}

export interface TestedStore {
  /** An empty store. */
  readonly store: BlobStore;
  /** Begins a write and never ends it, as a process that dies. */
  readonly interrupt: () => Promise<unknown>;
  /** False for a server that dates unfinished writes years back. */
  readonly datesLeftovers?: boolean;
  /** Counts what is stored and is no blob. */
  readonly leftovers: () => Promise<number>;
  /** Removes everything. */
  readonly dispose: () => Promise<void>;
}

const mebibyte = 1024 * 1024;
const text = (value: string): Buffer => Buffer.from(value);

/** The contract of every BlobStore implementation. */
export function blobStoreConformance({ name, create }: Conformance): void {
  describe(`${name} as a BlobStore`, () => {
    const disposals: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const dispose of disposals.splice(0)) await dispose();
    });
    const make = async () => {
      const made = await create();
      disposals.push(made.dispose);
      return made;
    };
    const read = async (store: BlobStore, key: string): Promise<string | undefined> => {
      const stream = await store.stream(key);
      if (stream === undefined) return undefined;
      return Buffer.concat(await stream.toArray()).toString();
    };

    const filled = async (store: BlobStore, ...contents: string[]) => {
      const scratch = await store.scratch();
      for (const content of contents) await scratch.write(text(content));
      return scratch;
    };

    const writeMany = async (store: BlobStore, keys: readonly string[]) => {
      const left = [...keys];
      const writer = async () => {
        for (let key = left.pop(); key; key = left.pop()) await store.write(key, [], { durable: false });
      };
      await Promise.all(Array.from({ length: 20 }, writer));
    };

    const listed = async (store: BlobStore, folder: string): Promise<(readonly string[])[]> => {
      const pages: (readonly string[])[] = [];
      for await (const page of store.list(folder)) pages.push(page);
      return pages;
    };

    it('writes a blob whole and reads it back', async () => {
      const { store, leftovers } = await make();
      const written = await store.write('a/b/c.txt', [text('hello '), text('world')]);
      expect(written).toEqual({ bytes: 11 });
      expect(await read(store, 'a/b/c.txt')).toBe('hello world');
      expect(await store.stat('a/b/c.txt')).toMatchObject({ bytes: 11, modified: expect.any(Date) });
      expect(await leftovers()).toBe(0);
    });

    it('writes a blob that need not survive a crash of the machine', async () => {
      const { store, leftovers } = await make();
      expect(await store.write('quick', [text('x')], { durable: false })).toEqual({ bytes: 1 });
      expect(await read(store, 'quick')).toBe('x');
      expect(await leftovers()).toBe(0);
    });

    it('writes an empty blob', async () => {
      const { store } = await make();
      expect(await store.write('empty', [])).toEqual({ bytes: 0 });
      expect(await read(store, 'empty')).toBe('');
    });

    it('replaces a blob whole, and an open handle never reads the new one', async () => {
      const { store } = await make();
      await store.write('k', [text('first, and longer')]);
      const handle = await store.open('k');
      await store.write('k', [text('second')]);
      const buffer = Buffer.alloc(5);
      const seen = await handle?.read(buffer, 0).then(
        () => buffer.toString(),
        (error) => error.code,
      );
      expect(['first', 'storage_changed']).toContain(seen);
      await handle?.close();
      expect(await read(store, 'k')).toBe('second');
    });

    it('returns undefined for a missing blob', async () => {
      const { store } = await make();
      await store.write('here', [text('x')]);
      for (const key of ['gone', 'deep/gone', 'here/below']) {
        expect(await store.open(key)).toBeUndefined();
        expect(await store.stream(key)).toBeUndefined();
        expect(await store.stat(key)).toBeUndefined();
      }
    });

    it('keeps the old blob and no leftovers when the input fails', async () => {
      const { store, leftovers } = await make();
      await store.write('k', [text('old')]);
      const failing = (async function* () {
        yield text('half');
        throw new Error('the input broke');
      })();
      await expect(store.write('k', failing)).rejects.toThrow('the input broke');
      expect(await read(store, 'k')).toBe('old');
      await expect(
        store.write(
          'new',
          (async function* () {
            yield text('half');
            throw new Error('again');
          })(),
        ),
      ).rejects.toThrow('again');
      expect(await store.stat('new')).toBeUndefined();
      expect(await leftovers()).toBe(0);
    });

    it('shows nothing under the key before the write has ended', async () => {
      const { store } = await make();
      let seen: unknown = 'not asked';
      await store.write(
        'k',
        (async function* () {
          yield text('half');
          seen = await store.stat('k');
          yield text('rest');
        })(),
      );
      expect(seen).toBeUndefined();
      expect(await read(store, 'k')).toBe('halfrest');
    });

    it('leaves one of two concurrent writes, complete', async () => {
      const { store, leftovers } = await make();
      const versions = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(100_000));
      await Promise.all(
        versions.map((v) => store.write('k', [text(v.slice(0, 50_000)), text(v.slice(50_000))])),
      );
      expect(versions).toContain(await read(store, 'k'));
      expect(await leftovers()).toBe(0);
    });

    it('reads at positions, and returns less only at the end', async () => {
      const { store } = await make();
      await store.write('k', [text('0123456789')]);
      const handle = await store.open('k');
      if (handle === undefined) throw new Error('not there');
      const buffer = Buffer.alloc(4);
      expect(handle.bytes).toBe(10);
      expect(await handle.read(buffer, 3)).toBe(4);
      expect(buffer.toString()).toBe('3456');
      expect(await handle.read(buffer, 8)).toBe(2);
      expect(buffer.toString()).toBe('8956');
      expect(await handle.read(buffer, 10)).toBe(0);
      await handle.close();
    });

    it('streams ranges with an exclusive end', async () => {
      const { store } = await make();
      await store.write('k', [text('0123456789')]);
      const range = async (start: number, end?: number) => {
        const stream = await store.stream('k', { start, ...(end !== undefined && { end }) });
        return Buffer.concat((await stream?.toArray()) ?? []).toString();
      };
      expect(await range(2, 5)).toBe('234');
      expect(await range(7)).toBe('789');
      expect(await range(8, 99)).toBe('89');
      expect(await range(4, 4)).toBe('');
      expect(await range(10)).toBe('');
      expect(await range(50)).toBe('');
    });

    it('takes a large blob, and reads it whole and in ranges', async () => {
      const { store, leftovers } = await make();
      const scratch = await store.scratch();
      const hash = createHash('sha256');
      for (let n = 0; n < 64; n++) {
        const chunk = Buffer.alloc(mebibyte, `chunk ${n}, `);
        hash.update(chunk);
        await scratch.write(chunk);
      }
      const sha256 = hash.digest('hex');
      expect(await store.adopt([{ scratch, key: 'large' }])).toEqual(['created']);
      expect(await store.stat('large')).toMatchObject({ bytes: 64 * mebibyte });
      expect((await store.stat('large'))?.sha256 ?? sha256).toBe(sha256);
      const seen = createHash('sha256');
      for await (const chunk of (await store.stream('large')) ?? []) seen.update(chunk);
      expect(seen.digest('hex')).toBe(sha256);
      const handle = await store.open('large');
      for (const at of [0, 8, 63]) {
        const buffer = Buffer.alloc(16);
        expect(await handle?.read(buffer, at * mebibyte - (at > 0 ? 4 : 0))).toBe(16);
        expect(buffer.toString()).toContain(`chunk ${at}, `);
      }
      await handle?.close();
      expect(await leftovers()).toBe(0);
    });

    it('keeps the old blob and no leftovers when the input of a large blob fails', async () => {
      const { store, leftovers } = await make();
      await store.write('k', [text('old')]);
      const failing = async function* () {
        for (let n = 0; n < 20; n++) yield Buffer.alloc(mebibyte);
        throw new Error('the input broke');
      };
      await expect(store.write('k', failing())).rejects.toThrow('the input broke');
      expect(await read(store, 'k')).toBe('old');
      expect(await leftovers()).toBe(0);
    });

    it('lets a stream be destroyed halfway', async () => {
      const { store } = await make();
      await store.write('k', [Buffer.alloc(1_000_000)]);
      const stream = await store.stream('k');
      stream?.once('data', () => stream.destroy());
      if (stream) await once(stream, 'close');
      expect(stream?.destroyed).toBe(true);
    });

    it('removes a blob, and ignores a missing one', async () => {
      const { store } = await make();
      await store.write('k', [text('x')]);
      await store.remove('k');
      await store.remove('k');
      expect(await store.stat('k')).toBeUndefined();
    });

    it('removes many blobs at once, and ignores missing ones', async () => {
      const { store } = await make();
      const keys = Array.from({ length: 1_200 }, (_, n) => `many/${n}`);
      await writeMany(store, [...keys, 'other']);
      await store.removeAll([...keys, 'many/gone']);
      await store.removeAll([]);
      expect(await listed(store, 'many')).toEqual([]);
      expect(await store.stat('other')).toBeDefined();
    });

    it('lists the keys below a folder, and no others', async () => {
      const { store } = await make();
      const keys = ['logs/a/1', 'logs/a/2', 'logs/b/3', 'logs/4'];
      for (const key of [...keys, 'logs-of-others/5', 'sources/6']) await store.write(key, [text('x')]);
      const scratch = await store.scratch();
      expect((await listed(store, 'logs')).flat().sort()).toEqual(keys.sort());
      expect((await listed(store, 'logs/a')).flat().sort()).toEqual(['logs/a/1', 'logs/a/2']);
      for (const folder of ['gone', 'logs/gone', 'logs/4']) expect(await listed(store, folder)).toEqual([]);
      await scratch.discard();
    });

    it('lists many keys in pages, and each remaining key exactly once during removals', async () => {
      const { store } = await make();
      const many = Array.from({ length: 1_200 }, (_, n) => `many/${n}`);
      await writeMany(store, many);
      const seen: string[] = [];
      for await (const page of store.list('many')) {
        expect(page.length).toBeLessThanOrEqual(1_000);
        seen.push(...page);
        for (const key of page.slice(0, 100)) await store.remove(key);
      }
      expect(seen.toSorted()).toEqual(many.toSorted());
    });

    it('writes, reads back and adopts a scratch', async () => {
      const { store, leftovers } = await make();
      const scratch = await store.scratch();
      const chunk = text('abc');
      await scratch.write(chunk);
      chunk.fill('d');
      await scratch.write(chunk);
      expect(scratch.bytes).toBe(6);
      const buffer = Buffer.alloc(10);
      expect(await scratch.read(buffer, 2)).toBe(4);
      expect(buffer.toString('utf8', 0, 4)).toBe('cddd');
      await store.adopt([{ scratch, key: 'deep/down/here' }]);
      await scratch.discard();
      expect(await read(store, 'deep/down/here')).toBe('abcddd');
      expect(await leftovers()).toBe(0);
    });

    it('adopts several scratches in order, and none after a failure', async () => {
      const { store, leftovers } = await make();
      const blobs = async (...keys: string[]) =>
        Promise.all(keys.map(async (key) => ({ key, scratch: await filled(store, key) })));
      expect(await store.adopt(await blobs('a', 'deep/b'))).toEqual(['created', 'created']);
      expect([await read(store, 'a'), await read(store, 'deep/b')]).toEqual(['a', 'deep/b']);
      await expect(store.adopt(await blobs('c', '../evil', 'd'))).rejects.toThrow(RangeError);
      expect(await store.stat('d')).toBeUndefined();
      expect(await leftovers()).toBe(0);
    });

    it('keeps the blob of the first writer, and replaces a damaged one', async () => {
      const { store, leftovers } = await make();
      const adopt = async (...contents: string[]) => {
        const scratch = await filled(store, ...contents);
        return (await store.adopt([{ scratch, key: 'k' }]))[0];
      };
      expect(await adopt('content')).toBe('created');
      const first = await store.stat('k');
      expect(await adopt('con', 'tent')).toBe('same');
      expect(await store.stat('k')).toEqual(first);
      for (const damaged of ['CONTENT', 'cont', '']) {
        await store.write('k', [text(damaged)]);
        expect(await adopt('content')).toBe('replaced');
        expect(await read(store, 'k')).toBe('content');
      }
      expect(await leftovers()).toBe(0);
    });

    it('has one winner among 20 writers of a new key', async () => {
      const { store, leftovers } = await make();
      const scratches = await Promise.all(
        Array.from({ length: 20 }, () => filled(store, 'x'.repeat(10_000))),
      );
      const outcomes = await Promise.all(
        scratches.map((scratch) => store.adopt([{ scratch, key: 'raced' }])),
      );
      const created = outcomes.flat().filter((outcome) => outcome === 'created');
      expect([created.length, new Set(outcomes.flat())]).toEqual([1, new Set(['created', 'same'])]);
      expect(await read(store, 'raced')).toBe('x'.repeat(10_000));
      expect(await leftovers()).toBe(0);
    });

    it('discards a scratch without leftovers', async () => {
      const { store, leftovers } = await make();
      const scratch = await store.scratch();
      await scratch.write(text('abc'));
      await scratch.discard();
      await scratch.discard();
      expect(await leftovers()).toBe(0);
    });

    it('sweeps in several processes at once', async () => {
      const { store, leftovers, interrupt } = await make();
      for (let n = 0; n < 5; n++) await interrupt();
      const sweeps = await Promise.all([1, 2, 3].map(() => store.sweep({ olderThanMs: 0 })));
      expect(Math.max(...sweeps)).toBeGreaterThan(0);
      expect(await leftovers()).toBe(0);
    });

    it('sweeps old leftovers, and never leftovers of today', async () => {
      const { store, leftovers, interrupt, datesLeftovers = true } = await make();
      await store.write('kept', [text('x')]);
      await interrupt();
      if (datesLeftovers) expect(await store.sweep()).toBe(0);
      expect(await leftovers()).toBe(1);
      expect(await store.sweep({ olderThanMs: 0 })).toBe(1);
      expect(await leftovers()).toBe(0);
      expect(await read(store, 'kept')).toBe('x');
    });

    it.each([
      '',
      '/abs',
      '../up',
      'a/../b',
      'a//b',
      'a/',
      '.hidden',
      'a/.tmp/b',
      'a\0b',
      'ü',
      'a b',
      'x'.repeat(513),
    ])('refuses the key %j', async (key) => {
      const { store } = await make();
      await expect(store.write(key, [])).rejects.toThrow(RangeError);
      await expect(store.open(key)).rejects.toThrow(RangeError);
      await expect(store.stream(key)).rejects.toThrow(RangeError);
      await expect(store.stat(key)).rejects.toThrow(RangeError);
      await expect(store.remove(key)).rejects.toThrow(RangeError);
      await expect(store.removeAll([key])).rejects.toThrow(RangeError);
      await expect(listed(store, key)).rejects.toThrow(RangeError);
    });
  });
}
