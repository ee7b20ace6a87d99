import { expect, it } from 'vitest';
import { timelineOf } from './job-timeline.js';

const at = (seconds: number) => new Date(1_000_000 + seconds * 1_000).toISOString();
const attempt = (number: number, wait: number, from: number, to?: number) => ({
  number,
  worker: 'w',
  wait_ms: wait * 1_000,
  started_at: at(from),
  ...(to !== undefined && { finished_at: at(to) }),
});

it('shows how long each attempt waited, built and pushed', () => {
  const job = {
    created_at: at(0),
    finished_at: at(20),
    attempts: [attempt(1, 2, 2, 6), attempt(2, 4, 10, 20)],
  };
  const exportSeconds = (number: number) => (number === 2 ? 3 : undefined);
  expect(timelineOf({ job, now: 0, exportSeconds })).toEqual({
    total: 20_000,
    attempts: [
      {
        number: 1,
        parts: [
          { what: 'wait', from: 0, to: 2_000 },
          { what: 'build', from: 2_000, to: 6_000 },
        ],
      },
      {
        number: 2,
        parts: [
          { what: 'wait', from: 6_000, to: 10_000 },
          { what: 'build', from: 10_000, to: 17_000 },
          { what: 'push', from: 17_000, to: 20_000 },
        ],
      },
    ],
  });
});

it('lasts until now while an attempt runs', () => {
  const job = { created_at: at(0), attempts: [attempt(1, 0, 1)] };
  const { attempts, total } = timelineOf({ job, now: Date.parse(at(9)), exportSeconds: () => 5 });
  expect([attempts[0]?.parts, total]).toEqual([[{ what: 'build', from: 1_000, to: 9_000 }], 9_000]);
});

it('never shows a push longer than its attempt, nor a wait before the submission', () => {
  const job = { created_at: at(0), finished_at: at(2), attempts: [attempt(1, 60, 1, 2)] };
  expect(timelineOf({ job, now: 0, exportSeconds: () => 30 }).attempts[0]?.parts).toEqual([
    { what: 'wait', from: 0, to: 1_000 },
    { what: 'push', from: 1_000, to: 2_000 },
  ]);
});
