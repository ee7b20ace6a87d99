import { describe, expect, it } from 'vitest';
import { Turns } from './turns.js';

describe('turns', () => {
  it('are taken by so many at once, in the order they came, also after one that failed', async () => {
    const turns = new Turns(2);
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const work = (at: number) => () => {
      begun.push(at);
      return new Promise<void>((resolve, reject) => {
        ends[at] = at === 0 ? () => reject(new Error('no')) : resolve;
      });
    };
    const all = [0, 1, 2, 3].map((at) => turns.run(work(at)));
    expect(begun).toEqual([0, 1]);
    ends[0]?.();
    await expect(all[0]).rejects.toThrow('no');
    await expect.poll(() => begun).toEqual([0, 1, 2]);
    ends[2]?.();
    await expect.poll(() => begun).toEqual([0, 1, 2, 3]);
    ends[1]?.();
    ends[3]?.();
    await Promise.all(all.slice(1));
    await turns.run(async () => begun.push(4));
    expect(begun).toEqual([0, 1, 2, 3, 4]);
  });
});
