// biome-ignore-all lint/suspicious/noControlCharactersInRegex: the tests read escape sequences
import type { LogLine } from '@slipway/client';
import { expect, test, vi } from 'vitest';
import { createScreen } from '../terminal/terminal.js';
import { createLiveView } from './live-view.js';
import { BatchProgress } from './progress.js';

/** Returns the lines that a terminal shows after this output. */
function shownBy(text: string): string[] {
  const lines = [''];
  let row = 0;
  for (const [token] of text.matchAll(/\u001b\[(\d*)([AJ])|\n|\r|[^\u001b\n\r]+/g)) {
    const [, count, command] = /\u001b\[(\d*)([AJ])/.exec(token) ?? [];
    if (command === 'A') row = Math.max(0, row - Number(count));
    else if (command === 'J') lines.splice(row, lines.length, '');
    else if (token === '\n') lines[++row] ??= '';
    else if (token !== '\r') lines[row] = token;
  }
  return lines;
}

function setUp({ rows = 24, jobs = 3 } = {}) {
  vi.useFakeTimers();
  let text = '';
  const screen = createScreen(
    { isTTY: true, columns: 60, rows, write: (chunk: string) => (text += chunk) },
    { NO_COLOR: '1' },
  );
  const followed: string[] = [];
  const closed: string[] = [];
  const view = createLiveView({
    screen,
    client: {
      async *followLog({ id, signal }): AsyncGenerator<LogLine, void> {
        followed.push(id);
        signal?.addEventListener('abort', () => closed.push(id));
        yield { attempt: 1, line: 1, text: `v: 2026-01-02T03:04:05Z \u001b[2J[2/3] RUN ${'x'.repeat(80)}` };
        await new Promise((resolve) => signal?.addEventListener('abort', resolve));
      },
    },
  });
  const progress = new BatchProgress();
  const change = (number: number, state: 'running' | 'failed', version: number) =>
    progress.add({
      type: 'job',
      position: undefined,
      job: {
        ...{
          id: `job_${number}`,
          state,
          version,
          at: new Date().toISOString(),
          image: 'r/x:1',
          function: `ns/fn-${number}`,
        },
        ...(state === 'failed' && { code: 'build_failed' as const, detail: 'no make' }),
      },
    });
  for (let number = 0; number < jobs; number++) change(number, 'running', 1);
  return { view, progress, change, followed, closed, shown: () => shownBy(text), text: () => text };
}

test('the bar and the running jobs with their last log lines are drawn in place, and erased at the end', async () => {
  const { view, progress, change, shown, closed, text } = setUp();
  view.update(progress);
  await vi.advanceTimersByTimeAsync(200);
  expect(shown()).toEqual([
    '░░░░░░░░░░░░░░░░░░░░░░░░ 0 of 3 done: 3 running',
    expect.stringMatching(/^ {2}ns\/fn-0 +0 s {2}\[2\/3\] RUN x+…$/),
    expect.stringMatching(/^ {2}ns\/fn-1 /),
    expect.stringMatching(/^ {2}ns\/fn-2 /),
    '',
  ]);
  const failed = change(1, 'failed', 2);
  if (failed) view.ended(failed, progress);
  view.update(progress);
  view.note('a note');
  expect(shown().slice(0, 3)).toEqual([
    '✗ ns/fn-1 failed in 200 ms: build_failed: no make',
    'a note',
    '████████░░░░░░░░░░░░░░░░ 1 of 3 done: 1 failed; 2 running',
  ]);
  expect(shown()).toHaveLength(6);
  view.close();
  expect(shown()).toEqual(['✗ ns/fn-1 failed in 200 ms: build_failed: no make', 'a note', '']);
  expect(closed.sort()).toEqual(['job_0', 'job_1', 'job_2']);
  // The view changed no state of the terminal that needs restoring, and escape sequences of a build do not arrive.
  expect(text()).not.toMatch(/\u001b\[(?!\d+A|J)/);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(shown()).toHaveLength(3);
  vi.useRealTimers();
});

test('draws and follows no more jobs than the terminal has rows', async () => {
  const { view, progress, followed, shown } = setUp({ rows: 10, jobs: 30 });
  view.update(progress);
  await vi.advanceTimersByTimeAsync(200);
  expect(shown().length).toBeLessThanOrEqual(9);
  expect(followed).toHaveLength(6);
  view.close();
  vi.useRealTimers();
});
