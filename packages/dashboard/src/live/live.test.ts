import { ApiError, ConnectionError, type LiveEvent } from '@slipway/client';
import { expect, it } from 'vitest';
import { followForever } from './follow.js';
import type { LiveState } from './live-context.js';
import { queriesTouched } from './live-queries.js';

const job = (state: 'running' | 'succeeded', position = '1-1'): LiveEvent => ({
  type: 'job',
  position,
  job: { id: 'job_1', batch: 'batch_1', state, version: 2, at: '2026-01-01T00:00:00Z', image: 'x' },
});

it('invalidates only the queries that an event concerns', () => {
  const moved = queriesTouched([job('running'), job('running')]).map((key) => key.join('/'));
  expect(moved.toSorted()).toEqual(['batch/batch_1', 'batches', 'builders', 'job/job_1', 'jobs', 'queue']);
  const ended = queriesTouched([job('succeeded')]).map((key) => key.join('/'));
  expect(ended).toEqual(expect.arrayContaining([...moved, 'functions', 'deliveries']));
  expect(queriesTouched([{ type: 'reset', position: '1-1' }])).toEqual([[]]);
  expect(queriesTouched([{ type: 'idle' }, { type: 'ready', position: '1-1' }])).toEqual([]);
});

it('resumes after a lost connection or silence, and stops when the token is refused', async () => {
  const asked: (string | undefined)[] = [];
  const states: LiveState[] = [];
  const events: LiveEvent[] = [];
  const error = { detail: '', remedy: '', errors: [], retryAfter: undefined };
  const refused = await new Promise<ApiError>((onRefused) => {
    void followForever({
      client: {
        async *followEvents({ after, signal }) {
          asked.push(after);
          if (asked.length === 1) {
            yield job('running', '5-0');
            throw new ConnectionError({ server: 'http://x', cause: 'gone' });
          }
          // Sends nothing until the client aborts.
          if (asked.length === 2) {
            await new Promise((_resolve, reject) =>
              signal?.addEventListener('abort', () => reject(signal.reason)),
            );
          }
          throw new ApiError({ ...error, code: 'unauthorized', status: 401 });
        },
      },
      signal: new AbortController().signal,
      onState: (state) => states.push(state),
      onEvent: (event) => events.push(event),
      onRefused,
      firstDelayMs: 1,
      silenceMs: 500,
    });
  });
  expect(refused.status).toBe(401);
  expect(asked).toEqual([undefined, '5-0', '5-0']);
  expect(events).toEqual([job('running', '5-0')]);
  expect([states[0], states.at(-1)]).toEqual(['live', 'waiting']);
});
