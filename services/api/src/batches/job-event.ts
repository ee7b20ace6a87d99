import type { JobRecord } from '@slipway/control-plane/jobs';
import type { BatchJobEvent, JobEvent } from '@slipway/shared/contracts';

/** What followers are told of a job that has changed: its state then, and what its record says of it by now. */
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
