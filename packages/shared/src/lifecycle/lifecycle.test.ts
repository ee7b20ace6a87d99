import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../logger/index.js';
import { Cleanups } from './cleanups.js';
import { type Component, runComponents } from './service.js';
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
