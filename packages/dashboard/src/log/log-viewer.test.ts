import { expect, it } from 'vitest';
import { formatRange, parseRange } from './log-viewer.js';

it.each([
  ['#L12', { from: 12, to: 12 }, '#L12'],
  ['#L12-L40', { from: 12, to: 40 }, '#L12-L40'],
  ['#L40-12', { from: 12, to: 40 }, '#L12-L40'],
])('%s names lines', (hash, range, written) => {
  expect(parseRange(hash)).toEqual(range);
  expect(formatRange(range)).toBe(written);
});

it.each(['', '#', '#L', '#L0', '#L1-L0', '#12', '#L1-', '#L1x', '#L9999999999'])('%j names none', (hash) => {
  expect(parseRange(hash)).toBeUndefined();
});
