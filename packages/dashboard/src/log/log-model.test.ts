import { expect, it } from 'vitest';
import { LogModel } from './log-model.js';
import { Rows } from './rows.js';
import { maxMatches, Search } from './search.js';

const at = '2026-11-22T20:51:16Z';
const given = (lines: readonly string[], attempt = 1) => lines.map((text) => ({ attempt, text }));
function modelOf(...attempts: (readonly string[])[]) {
  const model = new LogModel();
  for (const [index, lines] of attempts.entries()) model.append(given(lines, index + 1));
  return model;
}
const outline = (model: LogModel) =>
  model.steps.map(({ name, state, seconds, lines }) => [
    name,
    state,
    seconds,
    lines.map((line) => model.text(line)),
  ]);

// As BuildKit 0.34 said it, through Slipway's builder.
const failing = [
  `v: ${at} [internal] load build context`,
  `v: ${at} [internal] load build context 0.01s`,
  `s: ${at} transferring context: 1983290 bytes 0.03s`,
  `v: ${at} [internal] load build context 0.03s`,
  `v: ${at} CACHED [1/3] COPY busybox /bin/busybox`,
  `v: ${at} [2/3] RUN echo "added 214 packages in 2s"`,
  `l: ${at} added 214 packages in 2s`,
  `v: ${at} [2/3] RUN echo "added 214 packages in 2s" 0.09s`,
  `v: ${at} [3/3] RUN npm test: all`,
  `l: ${at} \x1b[31mFAIL src/handler.test.js`,
  `l: ${at} still red\x1b[0m`,
  `l: ${at} `,
  `v: ${at} ERROR [3/3] RUN npm test: all: process "/bin/sh -c npm test: all" did not complete successfully: exit code: 1`,
];

it('groups the lines of BuildKit by step', () => {
  const model = modelOf(failing);
  expect(outline(model)).toEqual([
    ['[internal] load build context', 'done', 0.04, ['transferring context: 1983290 bytes 0.03s']],
    ['[1/3] COPY busybox /bin/busybox', 'cached', undefined, []],
    ['[2/3] RUN echo "added 214 packages in 2s"', 'done', 0.09, ['added 214 packages in 2s']],
    [
      '[3/3] RUN npm test: all',
      'failed',
      undefined,
      [
        'FAIL src/handler.test.js',
        'still red',
        '',
        'process "/bin/sh -c npm test: all" did not complete successfully: exit code: 1',
      ],
    ],
  ]);
  expect(model.failedStep()?.name).toBe('[3/3] RUN npm test: all');
  expect(model.spans(10)).toEqual([{ text: 'still red', style: { fg: 1 } }]);
  expect(model.spans(11)).toEqual([]);
  expect(model.exportSeconds(1)).toBeUndefined();
});

it('shows the output of steps below the running step, also when other steps end in between', () => {
  const model = modelOf([
    `v: ${at} [a 1/1] RUN one`,
    `v: ${at} [b 1/1] RUN two`,
    `l: ${at} of two`,
    `v: ${at} [b 1/1] RUN two 0.10s`,
    `l: ${at} of one`,
    `v: ${at} [a 1/1] RUN one 0.20s`,
  ]);
  expect(outline(model)).toEqual([
    ['[a 1/1] RUN one', 'done', 0.2, ['of one']],
    ['[b 1/1] RUN two', 'done', 0.1, ['of two']],
  ]);
});

it('reads builders that name a step only once it has ended, and builders without prefixes', () => {
  const model = modelOf([
    'v: 2022-06-23T09:10:12Z [ship 15/16] RUN npm test 0.35s',
    '[ship 16/16] COPY . . 0.10s',
    'Sending build context to Docker daemon',
    `v: ${at} [1/1] RUN sleep 0.50s`,
    `v: ${at} [1/1] RUN sleep 0.50s 0.51s`,
  ]);
  expect(outline(model)).toEqual([
    ['[ship 15/16] RUN npm test', 'done', 0.35, []],
    ['[ship 16/16] COPY . .', 'done', 0.1, ['Sending build context to Docker daemon']],
    ['[1/1] RUN sleep', 'done', expect.closeTo(1.01), []],
  ]);
});

it('reports the last step of buildah as the failed one', () => {
  const model = modelOf([
    'Slipway: building on this machine',
    `v: ${at} [1/2] FROM scratch`,
    `v: ${at} [1/2] FROM scratch 0.00s`,
    `v: ${at} [2/2] RUN false`,
    `l: ${at} subprocess exited with status 1`,
    `v: ${at} [2/2] RUN false 0.10s`,
  ]);
  expect(model.steps.map(({ name }) => name)).toEqual(['', '[1/2] FROM scratch', '[2/2] RUN false']);
  expect(model.failedStep()?.name).toBe('[2/2] RUN false');
});

it('restarts with each attempt, and adds up the time of exporting', () => {
  const step = `v: ${at} [1/1] RUN x`;
  const pushed = [
    `v: ${at} exporting to image`,
    `v: ${at} exporting to image 0.42s`,
    `v: ${at} exporting to image 0.07s`,
  ];
  const model = modelOf([step, `l: ${at} first`], [step, `v: ${at} [1/1] RUN x 0.10s`, ...pushed]);
  expect(model.steps.map(({ attempt, state }) => [attempt, state])).toEqual([
    [1, 'running'],
    [2, 'done'],
    [2, 'done'],
  ]);
  expect(model.exportSeconds(2)).toBeCloseTo(0.49);
});

it('shows an error that belongs to no step', () => {
  expect(outline(modelOf([`v: ${at} ERROR no such stage: x`]))).toEqual([
    ['ERROR no such stage: x', 'running', undefined, []],
  ]);
});

it('has a row for each line of the open steps, and finds the row of a line', () => {
  const model = modelOf(failing, failing);
  const last = model.failedStep();
  const rows = new Rows({ model, isOpen: (step) => step === last });
  expect(rows.count).toBe(2 + 8 + 4);
  const shown = Array.from({ length: rows.count }, (_unused, row) => rows.at(row));
  expect(shown.map((row) => row?.kind)).toEqual([
    ...['attempt', 'step', 'step', 'step', 'step'],
    ...['attempt', 'step', 'step', 'step', 'step', 'line', 'line', 'line', 'line'],
  ]);
  expect(rows.at(rows.count)).toBeUndefined();
  expect(rows.at(-1)).toBeUndefined();
  for (const [row, what] of shown.entries()) {
    if (what?.kind === 'line') expect(rows.rowOf({ model, line: what.line })).toBe(row);
    if (what?.kind === 'step') expect(rows.rowOf({ model, line: what.step.line })).toBe(row);
  }
  // Inside a step that is closed, the row of its name; the line that ends a step as well.
  expect(rows.rowOf({ model, line: 6 })).toBe(3);
  expect(rows.rowOf({ model, line: 7 })).toBe(3);
  expect(rows.rowOf({ model, line: 999 })).toBeUndefined();
});

it('finds text in the shown lines in order, and searches lines added later', () => {
  const model = modelOf(failing);
  const search = new Search({ model, needle: 'NPM TEST' });
  expect(search.matches()).toEqual([
    { line: 8, start: 10, end: 18 },
    { line: 12, start: 20, end: 28 },
  ]);
  model.append(given([`l: ${at} npm test npm test`]));
  expect(search.matches().map(({ line }) => line)).toEqual([8, 12, 13, 13]);
  expect(new Search({ model, needle: 'still red' }).matches()).toHaveLength(1);
  expect(new Search({ model, needle: '' }).matches()).toEqual([]);
  expect(new Search({ model, needle: '31m' }).matches()).toEqual([]);
});

it('reads a hundred thousand lines, and stops a search with too many matches', () => {
  const model = modelOf([`v: ${at} [1/1] RUN make`]);
  for (let from = 0; from < 100_000; from += 500) {
    model.append(given(Array.from({ length: 500 }, (_unused, index) => `l: ${at} line ${from + index}`)));
  }
  expect(model.steps[0]?.lines).toHaveLength(100_000);
  const rows = new Rows({ model, isOpen: () => true });
  expect(rows.count).toBe(100_001);
  expect(rows.at(70_001)).toMatchObject({ kind: 'line', line: 70_001 });
  const search = new Search({ model, needle: 'line' });
  expect([search.matches().length, search.full]).toEqual([maxMatches, true]);
  expect(new Search({ model, needle: 'line 99999' }).matches()).toEqual([
    { line: 100_000, start: 0, end: 10 },
  ]);
});
