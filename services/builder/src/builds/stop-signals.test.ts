import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { stopSignal, timeLimit } from './stop-signals.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function make(state: { writableFinished?: boolean; closed?: boolean } = {}) {
  const response = Object.assign(new EventEmitter(), { writableFinished: false, closed: false, ...state });
  const drain = new AbortController();
  const stop = stopSignal({
    response: response as unknown as ServerResponse,
    limitMs: 1000,
    drained: drain.signal,
  });
  return { response, drain, ...stop };
}

test('time, the client and the drain each stop a build, with their reason', () => {
  const late = make();
  vi.advanceTimersByTime(999);
  expect(late.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(late.signal.reason).toMatchObject({ code: 'timed_out' });

  const left = make();
  left.response.emit('close');
  expect(left.signal.reason).toMatchObject({ code: 'canceled' });

  const drained = make();
  drained.drain.abort('drained');
  expect(drained.signal.reason).toBe('drained');
});

test('a client that has its answer may go, one that has gone already counts', () => {
  const answered = make({ writableFinished: true });
  answered.response.emit('close');
  expect(answered.signal.aborted).toBe(false);
  expect(make({ closed: true }).signal.reason).toMatchObject({ code: 'canceled' });
});

test('nothing is left when it is cleared', () => {
  const { response, drain, signal, clear } = make();
  clear();
  expect(vi.getTimerCount()).toBe(0);
  response.emit('close');
  drain.abort();
  expect(signal.aborted).toBe(false);
});

test('a limit of a month does not end at once', () => {
  const response = new EventEmitter() as unknown as ServerResponse;
  const { signal } = stopSignal({ response, limitMs: 2 ** 40, drained: new AbortController().signal });
  vi.advanceTimersByTime(10_000);
  expect(signal.aborted).toBe(false);
});

test('a request can shorten the limit, and not lengthen it', () => {
  const limit = (header?: string) =>
    timeLimit(
      {
        headers: header === undefined ? {} : { 'x-slipway-timeout-ms': header },
      } as unknown as IncomingMessage,
      500,
    );
  expect([limit(), limit('20'), limit('9000')]).toEqual([500, 20, 500]);
  expect(() => limit('0x10')).toThrow(expect.objectContaining({ code: 'request_invalid' }));
});
