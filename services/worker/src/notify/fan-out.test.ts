import type { BatchStore, JobStore } from '@slipway/control-plane/jobs';
import type { JobEvent, StreamEvent } from '@slipway/shared/contracts';
import { expect, it } from 'vitest';
import { deliveriesOf } from './fan-out.js';
import { hrefFrom } from './message.js';

/** A store that must not be asked. */
const nobodyAsks = (): never => {
  throw new Error('a record was read without subscribers');
};
const deps = {
  store: { getOutline: nobodyAsks, list: nobodyAsks } as unknown as Pick<JobStore, 'getOutline' | 'list'>,
  batches: { get: nobodyAsks } as unknown as Pick<BatchStore, 'get'>,
  href: hrefFrom(undefined),
};
const event = (changes: Partial<JobEvent>): StreamEvent => ({
  kind: 'job',
  position: '1-0',
  type: 'job.queued',
  jobId: `job_${'0'.repeat(26)}`,
  batchId: undefined,
  state: 'queued',
  version: 1,
  at: 1,
  ...changes,
});

it('reads no record of a job that goes on while no endpoint wants to know', async () => {
  for (const type of ['job.queued', 'job.started', 'job.requeued'] as const) {
    expect(await deliveriesOf(event({ type }), [], deps)).toEqual([]);
  }
  const ended = { type: 'job.failed', state: 'failed' } as const;
  expect(await deliveriesOf(event({ ...ended, callback: false }), [], deps)).toEqual([]);
  // One that was submitted to an earlier version does not say whether it has one.
  await expect(deliveriesOf(event({ type: 'job.failed', state: 'failed' }), [], deps)).rejects.toThrow(
    'read',
  );
});
