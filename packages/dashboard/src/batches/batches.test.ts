import type { Batch, Client, LiveJob } from '@slipway/client';
import { expect, it } from 'vitest';
import { type Cell, mergeCells, patchCells, readCells } from './batch-jobs.js';
import { compareRuns, runBefore } from './comparison.js';

const cell = (id: string, state: Cell['state'], name = id): Cell => ({
  id,
  state,
  version: 1,
  image: `r.test/${name}:1`,
  function: name,
  reason: undefined,
});
const change = (id: string, state: LiveJob['state'], rest = {}): LiveJob => ({
  ...{ id, state, version: 2, at: '2026-01-01T00:00:00Z', image: 'x' },
  ...rest,
});
const batch = (id: string, created_at: string, rest: Partial<Batch> = {}): Batch => ({
  ...{ id, created_at, state: 'finished', total: 1, on_failure: 'continue', labels: {} },
  counts: { queued: 0, running: 0, succeeded: 1, failed: 0, canceled: 0 },
  ...rest,
});

it('updates changed cells to their latest state, and keeps the other cells', () => {
  const cells = [cell('a', 'queued'), cell('b', 'queued')];
  const next = patchCells(cells, [
    change('b', 'running'),
    change('b', 'failed', { code: 'build_failed', detail: 'step 2' }),
    change('c', 'running'),
  ]);
  expect(next[0]).toBe(cells[0]);
  expect(next[1]).toMatchObject({ state: 'failed', reason: 'build_failed: step 2' });
  expect(patchCells(next, [change('a', 'running', { version: 1 })])).toBe(next);
});

it('reads all jobs of a batch, page by page', async () => {
  const pages: (readonly Cell[])[] = [];
  const job = (id: string) => ({ ...cell(id, 'queued'), error: undefined });
  const answers = new Map([
    [undefined, { jobs: [job('c'), job('b')], next_cursor: 'b' }],
    ['b', { jobs: [job('a')] }],
  ]);
  const listBatchJobs: Client['listBatchJobs'] = async ({ query }) => answers.get(query?.cursor) as never;
  const client = { listBatchJobs } as Client;
  const { signal } = new AbortController();
  await readCells({ client, id: 'batch_1', signal, onPage: (page) => pages.push(page) });
  expect(pages.map((page) => page.map(({ id }) => id))).toEqual([['c', 'b'], ['a']]);
});

it('merges pages in the order of submission, and keeps the newer version of a job', () => {
  const [a, b, c] = [cell('a', 'queued'), cell('b', 'queued'), cell('c', 'queued')];
  const known = patchCells([b, c], [change('c', 'running')]);
  expect(mergeCells(known, [c, a])).toEqual([a, b, { ...c, state: 'running', version: 2 }]);
  expect(mergeCells(known, [c, b])[1]).toBe(known[1]);
});

it('finds the run before: the repeated batch, or the newest older one with the same labels', () => {
  const labels = { pipeline: 'nightly', branch: 'main' };
  const others = [
    batch('newer', '2026-01-04', { labels }),
    batch('this', '2026-01-03', { labels }),
    batch('else', '2026-01-02', { labels: { pipeline: 'nightly' } }),
    batch('before', '2026-01-01', { labels: { branch: 'main', pipeline: 'nightly' } }),
  ];
  expect(runBefore(batch('this', '2026-01-03', { labels }), others)).toBe('before');
  expect(runBefore(batch('this', '2026-01-03', { labels, retry_of: 'x' }), others)).toBe('x');
  expect(runBefore(batch('this', '2026-01-03'), [...others, batch('plain', '2026-01-01')])).toBeUndefined();
});

it('reports jobs that ended differently than before, by function', () => {
  const before = [cell('1', 'succeeded', 'a'), cell('2', 'failed', 'b'), cell('3', 'failed', 'c')];
  const now = [
    cell('4', 'failed', 'a'),
    cell('5', 'succeeded', 'b'),
    cell('6', 'failed', 'c'),
    cell('7', 'failed', 'd'),
  ];
  const ids = Object.entries(compareRuns(now, before)).map(([what, cells]) => [
    what,
    cells.map(({ id }) => id),
  ]);
  expect(Object.fromEntries(ids)).toEqual({ broken: ['4'], mended: ['5'], still: ['6'], added: ['7'] });
});
