import { describe, expect, it } from 'vitest';
import { type Waiter, Waiters } from './waiters.js';

function waiter(
  id: string,
  more: { home?: string; pool?: string; except?: string[]; priority?: number } = {},
): Waiter {
  const { home, pool = 'default', except = [], priority = 1 } = more;
  return {
    wanted: {
      ...{ id, pool, repository: 'r.example/a', suspect: false, priority, home, needsIsolation: false },
      ...{ needsFeature: undefined, except: new Set(except) },
    },
    ...{
      since: 0,
      waitMs: 4_000,
      signal: new AbortController().signal,
      patienceMs: home === undefined ? 0 : 2_000,
    },
    ...{
      askedAt: Number.NEGATIVE_INFINITY,
      begin: undefined,
      resolve: () => undefined,
      reject: () => undefined,
    },
  };
}

/** Builds that have been asked for once, without a slot. */
function waiting(...all: Waiter[]) {
  const waiters = new Waiters();
  for (const each of all) waiters.add(each);
  waiters.noteAsked(waiters.takeDue(), [], 1);
  return waiters;
}

const ids = (waiters: readonly Waiter[]) => waiters.map(({ wanted }) => wanted.id);

describe('the builds that wait for a slot', () => {
  it('are asked for once when they come, and then only when they are due', () => {
    const waiters = new Waiters();
    const [a, b] = [waiter('a'), waiter('b')];
    for (const each of [a, b]) waiters.add(each);
    const due = waiters.takeDue();
    expect(ids(due)).toEqual(['a', 'b']);
    waiters.noteAsked(due, [a], 1);
    expect([waiters.size, waiters.takeDue()]).toEqual([1, []]);
    waiters.makeDue([a, b]);
    expect(ids(waiters.takeDue())).toEqual(['b']);
  });

  it('take a free slot: the first that does not wait for another replica, and the first with its layers there', () => {
    const waiters = waiting(
      ...[
        waiter('away', { home: 'other' }),
        waiter('refused', { except: ['url'] }),
        waiter('arm', { pool: 'arm' }),
      ],
      ...[waiter('first'), waiter('second'), waiter('home', { home: 'url' })],
    );
    const takers = (now: number) => ids(waiters.takersOf({ url: 'url', pool: 'default', now }));
    expect(takers(500)).toEqual(['first', 'home']);
    // The patience of the first of all is over.
    expect(takers(2_500)).toEqual(['away', 'home']);
    expect(
      ids(waiting(waiter('away', { home: 'other' })).takersOf({ url: 'url', pool: 'default', now: 1 })),
    ).toEqual([]);
  });

  it('are in the order of the queue, whichever came first', () => {
    const waiters = new Waiters();
    for (const [at, priority] of [3, 2, 1, 2].entries())
      waiters.add(waiter(`${priority} ${at}`, { priority }));
    expect(ids(waiters.takeDue())).toEqual(['1 2', '2 1', '2 3', '3 0']);
  });

  it('take no second slot while a call asks for one', () => {
    const slot = { url: 'url', pool: 'default', now: 10 };
    const waiters = waiting(waiter('a'), waiter('b'));
    const takers = () => waiters.takersOf(slot);
    waiters.makeDue(takers());
    expect([ids(takers()), waiters.asksFor(slot)]).toEqual([['a'], false]);
    const due = waiters.takeDue();
    expect([ids(takers()), waiters.asksFor(slot)]).toEqual([['b'], true]);
    // A build that becomes due again meanwhile is asked for after that call.
    waiters.makeDue(due);
    expect(waiters.takeDue()).toEqual([]);
    waiters.noteAsked(due, [], 10);
    expect(ids(waiters.takeDue())).toEqual(['a']);
  });

  it('are due when their patience or their wait ends, and a few in turn', () => {
    const many = Array.from({ length: 40 }, (_, at) => waiter(`${at}`));
    const home = waiter('home', { home: 'other' });
    const waiters = waiting(...many, home);
    const polled = (now: number) => {
      const due = waiters.dueByTime(now);
      waiters.makeDue(due);
      waiters.noteAsked(waiters.takeDue(), [], now);
      return ids(due);
    };
    expect(polled(300)).toHaveLength(16);
    expect(polled(310)).toEqual([]);
    expect(polled(600)).toHaveLength(16);
    expect(polled(900)).toContain('home');
    expect(polled(910)).toEqual([]);
    expect(polled(2_000)).toContain('home');
    expect(polled(2_010)).toEqual([]);
    expect(polled(4_000)).toHaveLength(41);
  });

  it('are polled at once again while all of them get slots', () => {
    const many = Array.from({ length: 40 }, (_, at) => waiter(`${at}`));
    const waiters = waiting(...many);
    for (const left of [24, 8, 0]) {
      waiters.makeDue(waiters.dueByTime(300));
      const due = waiters.takeDue();
      waiters.noteAsked(due, due, 300);
      expect(waiters.size).toBe(left);
    }
  });

  it('name the pools that wait beside a call', () => {
    const [a, b, arm] = [waiter('a'), waiter('b'), waiter('arm', { pool: 'arm' })];
    const waiters = waiting(a, b, arm);
    expect(waiters.otherPools([a, b])).toEqual(['arm']);
    expect(waiters.otherPools([a, arm])).toEqual(['default']);
  });
});
