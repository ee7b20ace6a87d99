import { expect, test } from 'vitest';
import { Slots } from './slots.js';

test('gives as many slots as there are, and one back once however often it is returned', () => {
  const slots = new Slots({ limit: 2 });
  const first = slots.take();
  const second = slots.take();
  expect(slots.take()).toBeUndefined();
  expect(slots.isFull).toBe(true);
  first?.();
  first?.();
  expect(slots.taken).toBe(1);
  second?.();
  expect(slots.taken).toBe(0);
});

test('no limit means that it is never full', () => {
  const slots = new Slots({ limit: 0 });
  for (let i = 0; i < 100; i++) slots.take();
  expect(slots.isFull).toBe(false);
  expect(slots.taken).toBe(100);
});

test('is idle at once, or when the last slot is given back', async () => {
  const slots = new Slots({ limit: 0 });
  await slots.idle();
  const release = slots.take();
  let idle = false;
  const waiting = slots.idle().then(() => {
    idle = true;
  });
  await Promise.resolve();
  expect(idle).toBe(false);
  release?.();
  await waiting;
});
