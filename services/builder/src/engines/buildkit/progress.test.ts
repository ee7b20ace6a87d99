import { expect, test } from 'vitest';
import { BuildkitProgress } from './progress.js';
import type { SolveStatus, Vertex, VertexLog, VertexStatus } from './protocol/messages.js';

interface Event {
  readonly vertexes?: readonly Partial<Vertex>[];
  readonly statuses?: readonly Partial<VertexStatus>[];
  readonly logs?: readonly Partial<VertexLog>[];
  readonly warnings?: SolveStatus['warnings'];
}

/** Returns an event with the defaults of a message for what is absent. */
const full = ({ vertexes = [], statuses = [], logs = [], warnings = [] }: Event): SolveStatus => ({
  vertexes: vertexes.map((each) => ({
    ...{ digest: '', name: '', cached: false, error: '', started: undefined, completed: undefined },
    ...each,
  })),
  statuses: statuses.map((each) => ({
    ...{ id: '', vertex: '', current: 0, started: undefined, completed: undefined },
    ...each,
  })),
  logs: logs.map((each) => ({
    ...{ vertex: '', stream: 0, data: Buffer.alloc(0), timestamp: undefined },
    ...each,
  })),
  warnings,
});

function logOf(events: readonly Event[]) {
  const log: string[] = [];
  const output: string[] = [];
  const progress = new BuildkitProgress({
    onLog: (line) => log.push(line),
    onOutput: (line) => output.push(line),
  });
  for (const event of events) progress.take(full(event));
  return { log, output };
}

const started = Date.parse('2026-01-02T03:04:05.100Z');
const completed = Date.parse('2026-01-02T03:04:05.450Z');
const step = { digest: 'sha256:a', name: '[2/3] RUN npm test' };

test('a step is logged when it starts, and with its time when it ends', () => {
  const events = [
    { vertexes: [step] },
    { vertexes: [{ ...step, started }] },
    { vertexes: [{ ...step, started }] },
    { vertexes: [{ ...step, started, completed }] },
  ];
  expect(logOf(events).log).toEqual([
    'v: 2026-01-02T03:04:05Z [2/3] RUN npm test',
    'v: 2026-01-02T03:04:05Z [2/3] RUN npm test 0.35s',
  ]);
});

test('cached and failed steps are marked in the log', () => {
  const { log } = logOf([
    { vertexes: [{ ...step, started, completed, cached: true }] },
    { vertexes: [{ digest: 'sha256:b', name: 'x', started, completed, error: 'exit code: 1' }] },
  ]);
  expect(log).toEqual([
    'v: 2026-01-02T03:04:05Z CACHED [2/3] RUN npm test',
    'v: 2026-01-02T03:04:05Z x',
    'v: 2026-01-02T03:04:05Z ERROR x: exit code: 1',
  ]);
});

test('output is put together from its pieces, each stream for itself, and comes before the end of its step', () => {
  const piece = (stream: number, data: string | Buffer) => ({
    logs: [{ vertex: step.digest, stream, data: Buffer.from(data), timestamp: started }],
  });
  const umlaut = Buffer.from('ä');
  const { log, output } = logOf([
    { vertexes: [{ ...step, started }] },
    piece(1, 'one\ntw'),
    piece(2, 'err'),
    piece(1, Buffer.concat([Buffer.from('o '), umlaut.subarray(0, 1)])),
    piece(1, umlaut.subarray(1)),
    { ...piece(1, '\n10%\r50%\r100%\r\nlast'), vertexes: [{ ...step, started, completed }] },
  ]);
  expect(output).toEqual(['one', 'two ä', '10%\r50%\r100%', 'last', 'err']);
  expect(log).toEqual([
    'v: 2026-01-02T03:04:05Z [2/3] RUN npm test',
    'l: 2026-01-02T03:04:05Z one',
    'l: 2026-01-02T03:04:05Z two ä',
    'l: 2026-01-02T03:04:05Z 100%',
    'l: 2026-01-02T03:04:05Z last',
    'l: 2026-01-02T03:04:05Z err',
    'v: 2026-01-02T03:04:05Z [2/3] RUN npm test 0.35s',
  ]);
});

test('transfers are logged once, when they are done; warnings too', () => {
  const transfer = { id: 'transferring context:', vertex: 'sha256:a', current: 5, started };
  const { log } = logOf([
    { statuses: [transfer] },
    { statuses: [{ ...transfer, completed }] },
    { statuses: [{ ...transfer, completed }] },
    { warnings: [{ short: Buffer.from('a lint') }] },
  ]);
  expect(log).toHaveLength(2);
  expect(log[0]).toBe('s: 2026-01-02T03:04:05Z transferring context: 5 bytes 0.35s');
  expect(log[1]).toMatch(/^s: \S+ WARN a lint$/);
});

test('the error of a failed step is kept, in case its status is too long to be sent', () => {
  const progress = new BuildkitProgress({ onLog: () => {}, onOutput: () => {} });
  expect(progress.stepError).toBeUndefined();
  progress.take(full({ vertexes: [{ ...step, started, completed, error: 'exit code: 1' }] }));
  expect(progress.stepError).toBe('exit code: 1');
});
