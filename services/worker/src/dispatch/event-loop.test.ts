import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { EventLoop } from './event-loop.js';

/** Returns an event loop that has just lagged for a second, and the end of its component. */
async function lagging() {
  const eventLoop = new EventLoop();
  const stop = new AbortController();
  const running = eventLoop.run(stop.signal);
  const until = performance.now() + 1_000;
  while (performance.now() < until);
  // The late timer fires in this turn.
  while (eventLoop.overloadSeconds === 0) await turn();
  return { eventLoop, stop, running };
}

describe('a lagging event loop', () => {
  it('is responsive again once its timers fire in time', async () => {
    const { eventLoop, stop, running } = await lagging();
    expect(eventLoop.overloadSeconds).toBeGreaterThan(0.5);
    await eventLoop.responsive(stop.signal);
    stop.abort();
    await running;
  });

  it('holds nothing up at a stop', async () => {
    const { eventLoop, stop, running } = await lagging();
    const waiting = eventLoop.responsive(stop.signal);
    stop.abort();
    await Promise.all([waiting, running]);
  });
});
