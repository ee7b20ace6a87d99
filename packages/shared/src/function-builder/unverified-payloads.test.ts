import { describe, expect, it, vi } from 'vitest';
import { type Arrival, UnverifiedPayloads } from './unverified-payloads.js';

const mebibyte = 1024 * 1024;
const maxPayloadBytes = 8 * mebibyte;
const never = new AbortController().signal;
const settled = () => new Promise(setImmediate);

function setUp(times = 4) {
  const clock = { ms: 0 };
  const payloads = new UnverifiedPayloads({
    totalBytes: times * maxPayloadBytes,
    maxPayloadBytes,
    now: () => clock.ms,
  });
  const begin = (network: string, signal = never) => payloads.begin({ network, signal });
  /** Grows, and returns true if there was room at once. */
  const grows = async (arrival: Arrival, bytes: number) => {
    let done = false;
    const growing = arrival.grow(bytes).then(() => {
      done = true;
    });
    growing.catch(() => undefined);
    await settled();
    return { done: () => done, growing };
  };
  const penalize = (network: string) => {
    for (let n = 0; n < 30; n++) begin(network).end('wrong');
  };
  return { clock, payloads, begin, grows, penalize };
}

describe('unverified payloads', () => {
  it('stay within their budget, and one of them can always arrive completely', async () => {
    const { begin, grows } = setUp();
    const all = Array.from({ length: 10 }, (_, n) => begin(`n${n}`));
    const half = await Promise.all(all.map((arrival) => grows(arrival, 4 * mebibyte)));
    // The oldest has its reserved room, and four others find room for half of theirs.
    expect(half.map(({ done }) => done())).toEqual([...Array(5).fill(true), ...Array(5).fill(false)]);
    const whole = await Promise.all(all.slice(0, 5).map((arrival) => grows(arrival, maxPayloadBytes)));
    expect(whole.map(({ done }) => done())).toEqual([true, false, false, false, false]);
    // Each end makes the next one the oldest, until all have arrived.
    for (const [n, arrival] of all.entries()) {
      if (n >= 5) await half[n]?.growing;
      await (await grows(arrival, maxPayloadBytes)).growing;
      arrival.end('right');
    }
  });

  it('of one network leave room for others', async () => {
    const { begin, grows } = setUp(6);
    const oldest = begin('many');
    await oldest.grow(mebibyte);
    const many = await Promise.all(Array.from({ length: 40 }, () => grows(begin('many'), mebibyte)));
    expect(many.filter(({ done }) => done())).toHaveLength(16);
    expect((await grows(begin('other'), 8 * mebibyte)).done()).toBe(true);
  });

  it('arrive one at a time from networks with many wrong signatures, and are still accepted', async () => {
    const { payloads, begin, grows, penalize } = setUp();
    penalize('bad');
    expect(payloads.retryAfter('bad')).toBeGreaterThan(0);
    expect(payloads.retryAfter('good')).toBe(0);
    const [first, second] = [begin('bad'), begin('bad')];
    expect((await grows(first, maxPayloadBytes)).done()).toBe(true);
    const waiting = await grows(second, 10);
    expect(waiting.done()).toBe(false);
    expect((await grows(begin('good'), maxPayloadBytes)).done()).toBe(true);
    const newest = begin('bad');
    const next = await grows(newest, 10);
    first.end('wrong');
    await next.growing;
    expect(waiting.done()).toBe(false);
    newest.end('right');
    await waiting.growing;
    second.end('right');
  });

  it('count by size when the signature is wrong', () => {
    const { payloads, begin } = setUp();
    const large = new UnverifiedPayloads({ totalBytes: 3e9, maxPayloadBytes: 1e9, now: () => 0 });
    const arrival = large.begin({ network: 'a', signal: never });
    return arrival.grow(512 * mebibyte).then(() => {
      arrival.end('wrong');
      begin('a').end('wrong');
      expect([large.retryAfter('a') > 0, payloads.retryAfter('a')]).toEqual([true, 0]);
    });
  });

  it('end when they are slow and others wait, and not before', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const { clock, begin, grows } = setUp();
      const slow = Array.from({ length: 5 }, (_, n) => begin(`n${n}`));
      for (const arrival of slow) await arrival.grow(4 * mebibyte);
      clock.ms = 60_000;
      vi.advanceTimersByTime(5_000);
      expect(slow.map(({ signal }) => signal.aborted)).toEqual(Array(5).fill(false));
      const quick = begin('quick');
      const growing = await grows(quick, mebibyte);
      clock.ms += 5_000;
      vi.advanceTimersByTime(5_000);
      expect(slow.map(({ signal }) => signal.aborted)).toEqual(Array(5).fill(false));
      clock.ms += 6_000;
      vi.advanceTimersByTime(1_000);
      expect(slow.map(({ signal }) => signal.reason?.code)).toEqual(Array(5).fill('body_too_slow'));
      expect(quick.signal.aborted).toBe(false);
      for (const arrival of slow) arrival.end();
      await growing.growing;
    } finally {
      vi.useRealTimers();
    }
  });

  it('can leave while they wait', async () => {
    const { begin, grows, penalize } = setUp();
    penalize('bad');
    const first = begin('bad');
    await first.grow(1);
    const leave = new AbortController();
    const left = begin('bad', leave.signal);
    const waiting = await grows(left, 1);
    leave.abort(new Error('gone'));
    await expect(waiting.growing).rejects.toThrow('gone');
    left.end();
    const next = await grows(begin('bad'), 1);
    first.end();
    await next.growing;
  });
});
