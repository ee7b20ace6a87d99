import type { JobRecord } from '@slipway/control-plane/jobs';
import { jobSpecSchema } from '@slipway/shared/contracts';
import type { Tracing } from '@slipway/shared/tracing';
import { describe, expect, it } from 'vitest';
import { startTraced } from '../testing/traced.js';
import { AttemptTrace, traceLostAttempt } from './attempt-trace.js';
import { Phases } from './phases.js';

const replica = 'http://127.0.0.1:8081';
const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const spec = jobSpecSchema.parse({ image: 'r.example/a:1', source: { digest: `sha256:${'1'.repeat(64)}` } });

/** A record in its first attempt, or after that has ended. */
function recordOf(outcome?: 'worker_lost' | 'succeeded'): JobRecord {
  const at = (ms: number) => new Date(ms).toISOString();
  const begun = { number: 1, worker: 'w', wait_ms: 10, started_at: at(1_000), replica };
  return {
    ...{ id: 'job_1', spec, tenant: 'default', pool: 'default', trace, state: 'running' },
    ...{
      priority: 1,
      version: 2,
      createdAt: 990,
      startedAt: 1_000,
      attempt: 1,
      logParts: 0,
      spent: 0,
      placements: 0,
      lost: 0,
    },
    ...{ finishedAt: undefined, retryAt: undefined, cancelRequested: false },
    attempts: [{ ...begun, ...(outcome && { outcome, finished_at: at(2_000) }) }],
    ...{ result: undefined, error: undefined, sealedCallbackSecret: undefined },
    ...{ batch: undefined, parts: undefined, partOf: undefined },
  };
}

/** Returns the spans that `work` exports: `name|id|parent|failed`. */
async function exportedBy(work: (tracing: Tracing) => Promise<void> | void): Promise<string[]> {
  const { tracing, close } = await startTraced();
  await work(tracing);
  const spans = await close();
  return spans.map(({ name, spanId, parentSpanId, error }) =>
    [name, spanId, parentSpanId, error !== undefined].join('|'),
  );
}

/** Runs an attempt that calls a replica and ends with the outcome. Returns the trace context that the replica received. */
async function attempt(tracing: Tracing, outcome: string): Promise<string> {
  const made = new AttemptTrace({ tracing, record: recordOf(), phases: new Phases(tracing) });
  const context = await made.during(() => made.call(replica, (traceparent) => Promise.resolve(traceparent)));
  made.end({ outcome, replaced: 0 });
  return String(context?.split('-')[2]);
}

describe('the spans of an attempt', () => {
  it('are written by the worker that takes the job over, under the ids that the lost worker had sent', async () => {
    let traceparent = '';
    const own = await exportedBy(async (tracing) => {
      traceparent = await attempt(tracing, 'succeeded');
    });
    const lost = recordOf('worker_lost');
    const others = await exportedBy((tracing) => traceLostAttempt({ record: lost, number: 1 }, tracing));
    const ids = (spans: string[]) => spans.map((span) => span.split('|').slice(0, 3).join('|')).sort();
    expect(ids(others)).toEqual(ids(own.filter((span) => !span.startsWith('wait in queue'))));
    expect(ids(others)).toContainEqual(expect.stringContaining(`POST /build|${traceparent}|`));
    expect(others.every((span) => span.endsWith('|true'))).toBe(true);
  });

  it('are left to that one by a worker that was only frozen', async () => {
    const exported = await exportedBy(async (tracing) => void (await attempt(tracing, 'stale')));
    expect(exported.map((span) => span.split('|')[0])).toEqual(['wait in queue']);
  });

  it('are not written twice for an attempt that its worker has ended after all', async () => {
    const ended = recordOf('succeeded');
    const exported = await exportedBy((tracing) => traceLostAttempt({ record: ended, number: 1 }, tracing));
    expect(exported).toEqual([]);
  });
});
