import { isTerminal, type WebhookMessage } from '@slipway/shared/contracts';
import type { JobRecord } from '@slipway/shared/jobs';

/** One a terminal event; the same however often the event is read. */
export const deliveryId = ({ jobId, version }: { jobId: string; version: number }) =>
  `dlv_${jobId}_${version}`;

/** The `webhook-id`: the same over all attempts to deliver, so that a receiver can drop what it has. */
export const messageId = ({ id, version }: Pick<JobRecord, 'id' | 'version'>) => `msg_${id}_${version}`;

/** The body of the message that tells how a job ended; undefined while it has not. */
export function webhookMessage(record: JobRecord): WebhookMessage | undefined {
  const { id, state, spec, version, finishedAt, result, error } = record;
  if (!isTerminal(state) || finishedAt === undefined) return undefined;
  return {
    type: `job.${state}`,
    timestamp: new Date(finishedAt).toISOString(),
    data: {
      job: { id, state, ...(spec.function && { function: spec.function }), image: spec.image, version },
      ...(result?.digest && { digest: result.digest }),
      ...(error && { code: error.code, detail: error.detail }),
      labels: spec.labels,
    },
  };
}
