import { type BatchMessage, isTerminal, type JobMessage } from '@slipway/shared/contracts';
import { type BatchRecord, type JobRecord, toBatch } from '@slipway/shared/jobs';

/** One a terminal event; the same however often the event is read. */
export const deliveryId = ({ jobId, version }: { jobId: string; version: number }) =>
  `dlv_${jobId}_${version}`;

/** A batch ends once. */
export const batchDeliveryId = (batchId: string) => `dlv_${batchId}`;
export const batchMessageId = (batchId: string) => `msg_${batchId}`;

/** The `webhook-id`: the same over all attempts to deliver, so that a receiver can drop what it has. */
export const messageId = ({ id, version }: Pick<JobRecord, 'id' | 'version'>) => `msg_${id}_${version}`;

/** The body of the message that tells how a job ended; undefined while it has not. */
export function webhookMessage(record: JobRecord): JobMessage | undefined {
  const { id, state, spec, version, finishedAt, result, error } = record;
  if (!isTerminal(state) || finishedAt === undefined) return undefined;
  return {
    type: `job.${state}`,
    api_version: 'v1',
    timestamp: new Date(finishedAt).toISOString(),
    data: {
      sequence: version,
      url: `/v1/jobs/${id}`,
      job: { id, state, ...(spec.function && { function: spec.function }), image: spec.image, version },
      ...(record.batch !== undefined && { batch: record.batch }),
      ...(spec.vcs && { vcs: spec.vcs }),
      ...(result?.digest && { digest: result.digest }),
      ...(error && { code: error.code, detail: error.detail }),
      labels: spec.labels,
    },
  };
}

/** The body of the message that tells how a batch ended; undefined while it has not. */
export function batchWebhookMessage(
  record: BatchRecord,
  failed: readonly JobRecord[],
): BatchMessage | undefined {
  if (record.finishedAt === undefined) return undefined;
  const { id, total, counts, labels, retry_of } = toBatch(record, record.finishedAt);
  return {
    type: 'batch.finished',
    api_version: 'v1',
    timestamp: new Date(record.finishedAt).toISOString(),
    data: {
      sequence: 1,
      url: `/v1/batches/${id}`,
      batch: { id, total, counts, labels, ...(retry_of !== undefined && { retry_of }) },
      failures: failed.map(({ id: job, spec, error }) => ({
        id: job,
        image: spec.image,
        ...(spec.function !== undefined && { function: spec.function }),
        ...(error && { code: error.code }),
      })),
    },
  };
}
