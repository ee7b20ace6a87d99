import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DiskFloor, diskSpace } from './disk-floor.js';
import { openFileBlobStore } from './file-store.js';

const mebibyte = 1024 * 1024;

it('below the floor only small writes pass, and large ones pass again once there is room', async () => {
  const disk = { freeBytes: 100 * mebibyte, totalBytes: 100_000 * mebibyte };
  const clock = { ms: 0 };
  const floor = new DiskFloor({ minFreeBytes: 256 * mebibyte, space: async () => disk, now: () => clock.ms });
  await floor.check(mebibyte);
  await expect(floor.check(mebibyte + 1)).rejects.toMatchObject({ code: 'storage_full' });
  disk.freeBytes = 256 * mebibyte;
  clock.ms = 1_000;
  await floor.check(512 * mebibyte);
});

it('a small disk keeps 5 % free', async () => {
  const space = async () => ({ freeBytes: 4 * mebibyte, totalBytes: 60 * mebibyte });
  const floor = (minFreeBytes: number) => new DiskFloor({ minFreeBytes, space, now: () => 0 });
  await floor(256 * mebibyte).check(2 * mebibyte);
});

it('a store stops a large write halfway, and leaves nothing behind', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'slipway-floor-'));
  try {
    const real = await diskSpace(directory);
    expect(real.freeBytes).toBeLessThanOrEqual(real.totalBytes);
    const space = async () => ({ ...real, freeBytes: 0 });
    const floor = new DiskFloor({ minFreeBytes: 1, space, now: () => 0 });
    const blobs = await openFileBlobStore({ directory, floor });
    const piece = Buffer.alloc(600_000);
    await blobs.write('small', [piece]);
    await expect(blobs.write('large', [piece, piece])).rejects.toMatchObject({ code: 'storage_full' });
    expect([await blobs.stat('small'), await blobs.stat('large')]).toMatchObject([
      { bytes: 600_000 },
      undefined,
    ]);
    expect(await blobs.sweep({ olderThanMs: 0 })).toBe(0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
