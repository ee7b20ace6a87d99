import { describe, expect, it } from 'vitest';
import { ChunkPool } from './chunk-pool.js';

const kilobyte = 1024;
const large = 256 * 1024 * kilobyte;
const newPool = () => new ChunkPool({ bytes: 4096 * kilobyte });
const take = (pool: ChunkPool, count: number, length = large) =>
  Array.from({ length: count }, () => pool.take(length));
const kilobytes = (buffers: readonly Buffer[]) => buffers.map(({ length }) => length / kilobyte);

describe('the chunks of concurrent payloads', () => {
  it('are large for one payload, and small for each of many', () => {
    const pool = newPool();
    expect(kilobytes(take(pool, 3))).toEqual([512, 512, 512]);
    const others = kilobytes(take(pool, 100));
    expect(others[0]).toBe(256);
    expect(new Set(others.slice(6))).toEqual(new Set([128]));
  });

  it('are large again once the others have ended', () => {
    const pool = newPool();
    pool.leave(take(pool, 100));
    expect(kilobytes(take(pool, 3))).toEqual([512, 512, 512]);
  });

  it('take no more memory than the payload has', () => {
    const pool = newPool();
    expect(kilobytes(take(pool, 100, 2 * kilobyte))).toEqual(Array(100).fill(2));
    expect(kilobytes(take(pool, 1))).toEqual([512]);
  });

  it('are used again only after they were given back', () => {
    const pool = newPool();
    const [kept, unused] = [pool.take(large), pool.take(large)];
    pool.giveBack([unused]);
    pool.leave([kept]);
    expect(pool.take(2 * kilobyte)).not.toBe(unused);
    expect(pool.take(large)).toBe(unused);
    expect(pool.take(large)).not.toBe(kept);
  });

  it('are not kept beyond the limit, nor when they are small', () => {
    const pool = newPool();
    const many = take(pool, 40);
    pool.giveBack(take(pool, 20, 2 * kilobyte));
    pool.giveBack(many);
    const kept = take(pool, 40).filter((buffer) => many.includes(buffer));
    expect(kept.reduce((sum, { length }) => sum + length, 0)).toBe(4096 * kilobyte);
  });
});
