import { expect, test } from 'vitest';
import { randomOf } from './random.js';
import { Autoscaler } from './scaling.js';
import { Timetable } from './timetable.js';

test('entries come by time, and in the order of insertion at the same time', () => {
  const { next } = randomOf(1);
  const entries = Array.from({ length: 500 }, (_, order) => ({ at: Math.floor(next() * 50), order }));
  const timetable = new Timetable<(typeof entries)[number]>();
  for (const entry of entries) timetable.add(entry.at, entry);
  const found = [timetable.due(9), timetable.due(30), timetable.due(100)];
  expect(found.map((some) => some.length).every((count) => count > 0)).toBe(true);
  expect(found.flat()).toEqual(entries.toSorted((a, b) => a.at - b.at || a.order - b.order));
  expect(timetable.nextAt).toBe(Number.POSITIVE_INFINITY);
});

test('a seed decides the random numbers, which have their mean', () => {
  const values = (seed: number) => {
    const random = randomOf(seed);
    return Array.from({ length: 20_000 }, () => random.logNormal(10, 0.6));
  };
  expect(values(1)).toEqual(values(1));
  expect(values(1)).not.toEqual(values(2));
  expect(values(1).reduce((sum, value) => sum + value, 0) / 20_000).toBeCloseTo(10, 0);
});

test('the autoscaler grows at once, and shrinks when fewer replicas were wanted for five minutes', () => {
  const scaler = new Autoscaler({ least: 1, most: 10 });
  expect(scaler.count(7, 1, 0)).toBe(7);
  expect(scaler.count(50, 7, 15_000)).toBe(10);
  expect(scaler.count(9.5, 10, 30_000)).toBe(10);
  expect(scaler.count(2, 10, 60_000)).toBe(10);
  expect(scaler.count(0, 10, 340_000)).toBe(2);
  expect(scaler.count(0, 2, 700_000)).toBe(1);
});
