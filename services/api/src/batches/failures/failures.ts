import type { BatchRecord, JobRecord, JobStore } from '@slipway/control-plane/jobs';
import { type FailureGroup, maxListedFailures } from '@slipway/shared/contracts';
import { jobsOfBatch } from '../jobs-of-batch.js';
import { causeOf } from './cause.js';

/** Returns the failures of a batch by their cause, the most frequent first. */
export async function failuresOf(batch: BatchRecord, store: Pick<JobStore, 'list'>): Promise<FailureGroup[]> {
  const groups = new Map<string, FailureGroup>();
  for await (const record of jobsOfBatch(batch, store, 'failed')) add(groups, record);
  return [...groups.values()].sort((a, b) => b.count - a.count || a.cause.localeCompare(b.cause));
}

function add(groups: Map<string, FailureGroup>, record: JobRecord): void {
  const { id: cause, lastLine } = causeOf(record);
  const { code = 'internal', detail = '' } = record.error ?? {};
  const group = groups.get(cause) ?? {
    ...{ cause, code, detail, count: 0, jobs: [] },
    ...(lastLine !== undefined && { last_line: lastLine }),
  };
  const { id, spec } = record;
  group.count++;
  if (group.jobs.length < maxListedFailures) {
    group.jobs.push({
      id,
      image: spec.image,
      ...(spec.function !== undefined && { function: spec.function }),
    });
  }
  groups.set(cause, group);
}
