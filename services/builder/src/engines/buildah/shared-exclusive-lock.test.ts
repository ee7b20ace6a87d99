import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SharedExclusiveLock } from './shared-exclusive-lock.js';

const never = new AbortController().signal;

/** Holds the lock until the test ends it. */
function holder(lock: SharedExclusiveLock, exclusive: boolean, signal = never) {
  let end = () => {};
  let hasBegun = false;
  const done = lock.hold({
    exclusive,
    signal,
    work: () => {
      hasBegun = true;
      return new Promise<void>((resolve) => {
        end = resolve;
      });
    },
  });
  return { done, end: () => end(), begun: () => hasBegun };
}
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('shared holders run together; an exclusive one waits for them, and the next wait for it', async () => {
  const lock = new SharedExclusiveLock();
  const [one, two, exclusive, three] = [false, false, true, false].map((each) => holder(lock, each));
  await settle();
  expect([one, two, exclusive, three].map((each) => each?.begun())).toEqual([true, true, false, false]);
  one?.end();
  await settle();
  expect(exclusive?.begun()).toBe(false);
  two?.end();
  await settle();
  expect([exclusive, three].map((each) => each?.begun())).toEqual([true, false]);
  exclusive?.end();
  await settle();
  expect(three?.begun()).toBe(true);
});

test('a waiter that gives up delays no other', async () => {
  const lock = new SharedExclusiveLock();
  const stop = new AbortController();
  const first = holder(lock, false);
  const exclusive = holder(lock, true, stop.signal);
  const last = holder(lock, false);
  stop.abort(new Error('enough'));
  await expect(exclusive.done).rejects.toThrow('enough');
  await settle();
  expect([first, exclusive, last].map((each) => each.begun())).toEqual([true, false, true]);
  await expect(holder(lock, false, stop.signal).done).rejects.toThrow('enough');
});

test('in any order, an exclusive holder is alone, and every holder gets the lock', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 20 }), async (kinds) => {
      const lock = new SharedExclusiveLock();
      let running = 0;
      let isExclusive = false;
      const work = async (exclusive: boolean) => {
        expect(isExclusive || (exclusive && running > 0)).toBe(false);
        running++;
        isExclusive = exclusive;
        await settle();
        running--;
        isExclusive = false;
        return exclusive;
      };
      const done = kinds.map((exclusive) =>
        lock.hold({ exclusive, signal: never, work: () => work(exclusive) }),
      );
      expect(await Promise.all(done)).toEqual(kinds);
    }),
    { numRuns: 30 },
  );
});
