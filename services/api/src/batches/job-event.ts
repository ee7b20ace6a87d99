import type { JobRecord } from '@slipway/control-plane/jobs';
import type { BatchJobEvent, JobEvent } from '@slipway/shared/contracts';

/** Returns the event for a changed job: its state at that time, and its current record. */
export function jobEvent(
  { state, version, at }: JobEvent,
  { id, spec, ...record }: JobRecord,
): BatchJobEvent {
  return {
    id,
    state,
    version,
    at: new Date(at).toISOString(),
    image: spec.image,
    ...(spec.function !== undefined && { function: spec.function }),
    ...(state === 'succeeded' && {
      ...(record.result?.digest !== undefined && { digest: record.result.digest }),
      ...(record.result?.cached && { cached: true }),
    }),
    ...((state === 'failed' || state === 'canceled') && {
      ...(record.error && { code: record.error.code, detail: record.error.detail }),
    }),
  };
}
