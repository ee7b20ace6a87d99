import { expect, test } from 'vitest';
import { failingStep } from './report.js';

test('a failed log is shown from its failed step, if the builder names it', () => {
  const log = [
    'v: 2026-01-01T00:00:00Z [1/3] COPY a /a',
    'v: 2026-01-01T00:00:00Z [2/3] RUN make',
    'l: 2026-01-01T00:00:00Z no make',
    'v: 2026-01-01T00:00:01Z ERROR [2/3] RUN make: exit code: 1',
  ];
  expect(failingStep(log)).toEqual(log.slice(1));
  expect(failingStep(log.slice(0, 3))).toEqual(log.slice(0, 3));
  const long = [...log.slice(0, 2), ...Array.from({ length: 50 }, (_, n) => `l: ${n}`), ...log.slice(3)];
  expect(failingStep(long)).toHaveLength(12);
  expect(failingStep(long).at(-1)).toBe(log[3]);
  expect(failingStep([])).toEqual([]);
});
