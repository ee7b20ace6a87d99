import { describe, expect, test, vi } from 'vitest';
import { AttachableBuilds } from './attachable-builds.js';
import { LogWindow } from './log-window.js';

const linesOf = (window: LogWindow, from: number) => {
  const lines: [number, string][] = [];
  for (let part = window.read(from); part; part = window.read(part.next)) {
    const texts = JSON.parse(`[${part.json}]`) as string[];
    lines.push(...texts.map((text, at): [number, string] => [(part?.line ?? 0) + at, text]));
  }
  return lines;
};

const start = (options: Partial<ConstructorParameters<typeof AttachableBuilds>[0]> = {}) =>
  new AttachableBuilds({ detachedMs: 60_000, resultMs: 300_000, maxBytes: 2 ** 25, ...options });
const success = { status: 'success' } as const;

describe('the log of a build', () => {
  test('is read from any line on, whatever is in a line', () => {
    const window = new LogWindow({ onGrow: () => {} });
    const texts = Array.from({ length: 3_000 }, (_, at) => `${at} ${'é"\n\u0001😀\ud800'.repeat(at % 40)}`);
    for (const text of texts) window.append(text);
    for (const from of [0, 1, 17, 1_500, 2_999])
      expect(linesOf(window, from)).toEqual(
        texts.slice(from).map((text, at) => [from + at, JSON.parse(JSON.stringify(text))]),
      );
    expect(window.read(3_000)).toBeUndefined();
    expect(window.count).toBe(3_000);
  });

  test('loses its oldest lines alone, and a reader sees which', () => {
    const window = new LogWindow({ onGrow: () => {} });
    for (let at = 0; at < 5_000; at++) window.append(`line ${at}`);
    const before = window.bytes;
    expect(window.dropOldest()).toBe(true);
    expect(window.bytes).toBeLessThan(before);
    const lines = linesOf(window, 0);
    const [first = 0] = lines[0] ?? [];
    expect(first).toBeGreaterThan(0);
    expect(lines.map(([line]) => line)).toEqual(Array.from({ length: 5_000 - first }, (_, at) => first + at));
    while (window.dropOldest());
    expect(linesOf(window, 0).at(-1)).toEqual([4_999, 'line 4999']);
  });

  test('has no part above the limit of a line of the stream, and takes the bytes that it says', () => {
    const window = new LogWindow({ onGrow: () => {} });
    for (const char of ['x', '\u0001', 'ä', '😀', '\ud800']) window.append(char.repeat(200_000));
    for (let part = window.read(0); part; part = window.read(part.next))
      expect(part.json.length).toBeLessThan(60 * 1024);
    expect(window.bytes).toBeLessThan(5 * 60 * 1024);
  });
});

describe('the builds with an id', () => {
  test('have unique ids, until one is forgotten', () => {
    vi.useFakeTimers();
    try {
      const builds = start({ resultMs: 1_000 });
      const build = builds.add('a');
      expect(() => builds.add('a')).toThrow(expect.objectContaining({ code: 'build_exists' }));
      build.begin(() => {});
      build.end(success);
      build.left();
      expect(builds.get('a')).toBe(build);
      vi.advanceTimersByTime(999);
      expect(() => builds.add('a')).toThrow(expect.objectContaining({ code: 'build_exists' }));
      vi.advanceTimersByTime(1);
      expect(builds.get('a')).toBeUndefined();
      const refused = builds.add('a');
      refused.left();
      expect(builds.get('a')).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });

  test('stay within their memory: the oldest results go, then the oldest lines of the longest log', () => {
    const maxBytes = 1024 * 1024;
    const builds = start({ maxBytes });
    for (let at = 0; at < 100; at++) {
      const build = builds.add(`done-${at}`);
      build.begin(() => {});
      for (let line = 0; line < 200; line++) build.log('x'.repeat(100));
      build.end(success);
      expect(builds.bytes).toBeLessThanOrEqual(maxBytes);
    }
    expect(builds.results).toBeGreaterThan(10);
    expect(builds.get('done-0')).toBeUndefined();
    expect(builds.get('done-99')).toBeDefined();
    const [short, long] = [builds.add('short'), builds.add('long')];
    for (const build of [short, long]) build.begin(() => {});
    short.log('kept');
    for (let line = 0; line < 50_000; line++) long.log('x'.repeat(100));
    expect(builds.bytes).toBeLessThanOrEqual(maxBytes);
    expect(builds.results).toBe(0);
    expect(short.read(0)?.line).toBe(0);
    expect(long.read(0)?.line).toBeGreaterThan(0);
    expect(long.window.count).toBe(50_000);
    for (const build of [short, long]) build.end(success);
  });

  test('keep nothing of a result that is dropped, no timer either', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const builds = start();
      for (let at = 0; at < 1_100; at++) builds.add(`done-${at}`).end(success);
      expect(builds.results).toBe(1_000);
      // For each result: when it is forgotten, and when a shutdown no longer waits for a reader.
      expect(vi.getTimerCount()).toBe(2_000);
      for (let at = 100; at < 1_100; at++) builds.get(`done-${at}`)?.markFetched();
      expect(vi.getTimerCount()).toBe(1_000);
    } finally {
      vi.useRealTimers();
    }
  });

  test('keep 4 MiB of one log, and a thousand results', () => {
    const builds = start({ maxBytes: 2 ** 30 });
    const long = builds.add('long');
    for (let line = 0; line < 100_000; line++) long.log('x'.repeat(100));
    expect(long.window.bytes).toBeLessThanOrEqual(4 * 1024 * 1024);
    for (let at = 0; at < 1_001; at++) builds.add(`done-${at}`).end(success);
    expect(builds.results).toBe(1_000);
    expect(builds.get('done-0')).toBeUndefined();
    long.left();
  });
});
