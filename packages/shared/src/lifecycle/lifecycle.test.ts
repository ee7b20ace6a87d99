import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../logger/index.js';
import { Cleanups } from './cleanups.js';
import { type Component, runComponents, stopInOrder, timeForWork } from './service.js';
import { untilAborted } from './until-aborted.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const patient = (name: string, ended: string[]): Component => ({
  name,
  async run(signal) {
    if (!signal.aborted) await once(signal, 'abort');
    ended.push(name);
  },
});

describe('components', () => {
  it('run until they are stopped, and all end', async () => {
    const ended: string[] = [];
    const stop = new AbortController();
    const running = runComponents([patient('a', ended), patient('b', ended)], stop.signal);
    stop.abort();
    await running;
    expect(ended).toEqual(['a', 'b']);
  });

  it.each([
    ['fails', () => Promise.reject(new Error('broken')), 'broken'],
    ['ends early', () => Promise.resolve(), 'c ended before it was stopped'],
  ])('end together when one %s', async (_what, run, message) => {
    const ended: string[] = [];
    const running = runComponents([patient('a', ended), { name: 'c', run }], new AbortController().signal);
    await expect(running).rejects.toThrow(message);
    expect(ended).toEqual(['a']);
  });
});

describe('components that stop in order', () => {
  const work = (ended: string[]) => {
    let end = () => {};
    const hasWork = new Promise<void>((resolve) => {
      end = resolve;
    });
    const component: Component = {
      name: 'work',
      async run(signal) {
        if (!signal.aborted) await once(signal, 'abort');
        ended.push('stopping');
        await hasWork;
        ended.push('work');
      },
    };
    return { component, end: () => end() };
  };

  it('end when those before them have ended', async () => {
    const ended: string[] = [];
    const stop = new AbortController();
    const { component, end } = work(ended);
    const ordered = stopInOrder({ name: 'both', first: [component], last: [patient('support', ended)] });
    const running = runComponents([ordered], stop.signal);
    stop.abort();
    await expect.poll(() => ended).toEqual(['stopping']);
    end();
    await running;
    expect(ended).toEqual(['stopping', 'work', 'support']);
  });

  it('end in that order too when one of the last fails', async () => {
    const ended: string[] = [];
    const { component, end } = work(ended);
    const broken = { name: 'broken', run: () => Promise.reject(new Error('broken')) };
    const last = [broken, patient('support', ended)];
    const ordered = stopInOrder({ name: 'both', first: [component], last });
    const running = ordered.run(new AbortController().signal);
    await expect.poll(() => ended).toEqual(['stopping']);
    end();
    await expect(running).rejects.toThrow('broken');
    expect(ended).toEqual(['stopping', 'work', 'support']);
  });

  it('end all when one of the first fails', async () => {
    const ended: string[] = [];
    const first = [{ name: 'broken', run: () => Promise.reject(new Error('broken')) }, patient('a', ended)];
    const ordered = stopInOrder({ name: 'both', first, last: [patient('support', ended)] });
    await expect(ordered.run(new AbortController().signal)).rejects.toThrow('broken');
    expect(ended).toEqual(['a', 'support']);
  });
});

describe('the time for work', () => {
  it('is the grace time without a reserve of seconds, and 70 % of a short one', () => {
    const reserveMs = 10_000;
    expect(timeForWork({ graceMs: 1_860_000, reserveMs })).toBe(1_850_000);
    expect(timeForWork({ graceMs: 8_000, reserveMs })).toBe(5_600);
    expect(timeForWork({ graceMs: 0, reserveMs })).toBe(0);
  });
});

describe('clean-ups', () => {
  it('run last-in-first-out, once each, even if others fail', async () => {
    const done: number[] = [];
    const cleanups = new Cleanups();
    cleanups.defer('one', () => done.push(1));
    cleanups.defer('two', () => Promise.reject(new Error('broken')));
    cleanups.defer('three', () => done.push(3));
    await cleanups.run(logger);
    await cleanups.run(logger);
    expect(done).toEqual([3, 1]);
  });
});

describe('work that cannot be canceled', () => {
  it('is abandoned when the signal is aborted', async () => {
    const stop = new AbortController();
    const given = untilAborted(new Promise(() => {}), stop.signal);
    stop.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    await expect(untilAborted(new Promise(() => {}), stop.signal)).rejects.toThrow('enough');
    expect(await untilAborted(Promise.resolve(1), new AbortController().signal)).toBe(1);
  });
});
