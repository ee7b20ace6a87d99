import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ByteBudget } from './byte-budget.js';

it('bounds the bytes at once, in the order of arrival', async () => {
  const budget = new ByteBudget(10);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const start = (name: string, bytes: number) =>
    budget.run(bytes, () => {
      begun.push(name);
      return new Promise<void>((end) => ends.set(name, end));
    });
  const works = [start('a', 6), start('b', 6), start('c', 1), start('huge', 100)];
  expect(begun).toEqual(['a']);
  const end = async (name: string) => {
    ends.get(name)?.();
    await setImmediate();
  };
  await end('a');
  expect(begun).toEqual(['a', 'b', 'c']);
  await end('b');
  expect(begun).toEqual(['a', 'b', 'c']);
  await end('c');
  expect(begun).toEqual(['a', 'b', 'c', 'huge']);
  await end('huge');
  await Promise.all(works);
});

it('gives the bytes of failed work back', async () => {
  const budget = new ByteBudget(1);
  const fail = () => budget.run(1, () => Promise.reject(new Error('no')));
  await expect(fail()).rejects.toThrow('no');
  await expect(fail()).rejects.toThrow('no');
});
