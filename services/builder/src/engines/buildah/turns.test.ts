import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Turns } from './turns.js';

const never = new AbortController().signal;

/** Takes a turn that lasts until the test ends it. */
function turn(turns: Turns, alone: boolean, signal = never) {
  let end = () => {};
  let hasBegun = false;
  const done = turns.take({
    alone,
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

test('ordinary turns run beside each other; one alone waits for them, and the next wait for it', async () => {
  const turns = new Turns();
  const [one, two, alone, three] = [false, false, true, false].map((each) => turn(turns, each));
  await settle();
  expect([one, two, alone, three].map((each) => each?.begun())).toEqual([true, true, false, false]);
  one?.end();
  await settle();
  expect(alone?.begun()).toBe(false);
  two?.end();
  await settle();
  expect([alone, three].map((each) => each?.begun())).toEqual([true, false]);
  alone?.end();
  await settle();
  expect(three?.begun()).toBe(true);
});

test('who gives up waiting is no longer waited for', async () => {
  const turns = new Turns();
  const stop = new AbortController();
  const first = turn(turns, false);
  const alone = turn(turns, true, stop.signal);
  const last = turn(turns, false);
  stop.abort(new Error('enough'));
  await expect(alone.done).rejects.toThrow('enough');
  await settle();
  expect([first, alone, last].map((each) => each.begun())).toEqual([true, false, true]);
  await expect(turn(turns, false, stop.signal).done).rejects.toThrow('enough');
});

test('in any order, a turn alone runs alone, and every turn runs', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 20 }), async (kinds) => {
      const turns = new Turns();
      let running = 0;
      let isAlone = false;
      const work = async (alone: boolean) => {
        expect(isAlone || (alone && running > 0)).toBe(false);
        running++;
        isAlone = alone;
        await settle();
        running--;
        isAlone = false;
        return alone;
      };
      const done = kinds.map((alone) => turns.take({ alone, signal: never, work: () => work(alone) }));
      expect(await Promise.all(done)).toEqual(kinds);
    }),
    { numRuns: 30 },
  );
});
