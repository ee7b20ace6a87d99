import { describe, expect, it } from 'vitest';
import { type Waiter, Waiters } from './waiters.js';

function waiter(
  id: string,
  more: {
    home?: string;
    pool?: string;
    except?: string[];
    priority?: number;
    tenant?: string;
    priorityClass?: 'high' | 'normal';
  } = {},
): Waiter {
  const { home, pool = 'default', except = [], priority = 1 } = more;
  const { tenant = 'own', priorityClass = 'normal' } = more;
  return {
    wanted: {
      ...{
        id,
        tenant,
        priorityClass,
        pool,
        repository: 'r.example/a',
        suspect: false,
        priority,
        home,
        needsIsolation: false,
      },
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
      stays: undefined,
      passes: 0,
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

  it('take a free slot: the first with its layers there, or the first that does not wait for another replica', () => {
    const waiters = waiting(
      ...[
        waiter('away', { home: 'other' }),
        waiter('refused', { except: ['url'] }),
        waiter('arm', { pool: 'arm' }),
      ],
      ...[waiter('first'), waiter('second'), waiter('home', { home: 'url' })],
    );
    const takers = (url: string, now: number) => ids(waiters.takersOf({ url, pool: 'default', now }));
    expect(takers('url', 500)).toEqual(['home']);
    expect(takers('new', 500)).toEqual(['refused']);
    // The patience of the first of all is over.
    expect(takers('new', 2_500)).toEqual(['away']);
    expect(
      ids(waiting(waiter('away', { home: 'other' })).takersOf({ url: 'url', pool: 'default', now: 1 })),
    ).toEqual([]);
  });

  it('are passed by builds with their layers there, a few times by those of other tenants and more often by those of their own', () => {
    const slot = { url: 'url', pool: 'default', now: 1 };
    const takersOf = (...waiters: Waiter[]) => {
      const all = waiting(...waiters);
      return (times: number) => Array.from({ length: times }, () => ids(all.takersOf(slot)).join());
    };
    const [other, own] = [waiter('other', { home: 'url', tenant: 'other' }), waiter('own', { home: 'url' })];
    expect(takersOf(waiter('first'), other)(6)).toEqual([
      ...Array(4).fill('other'),
      'first,other',
      'first,other',
    ]);
    const both = takersOf(waiter('first'), other, own)(17);
    expect(both).toEqual([...Array(4).fill('other'), ...Array(12).fill('own'), 'first,other']);
    expect(takersOf(waiter('high', { priorityClass: 'high' }), own)(1)).toEqual(['high,own']);
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
