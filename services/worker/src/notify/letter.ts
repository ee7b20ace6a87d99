import type { BatchMessage, JobMessage } from '@slipway/shared/contracts';
import type { BatchStore, JobStore } from '@slipway/shared/jobs';
import type { QueueData } from '@slipway/shared/queues';
import { batchMessageId, batchWebhookMessage, messageId, webhookMessage } from './message.js';

export interface LetterDeps {
  readonly store: Pick<JobStore, 'get' | 'list'>;
  readonly batches: Pick<BatchStore, 'get'>;
}

/** A message on its way. */
interface Letter {
  /** The `webhook-id`. */
  readonly id: string;
  /** The job or batch that it tells of; the secret is sealed with it. */
  readonly about: string;
  readonly url: string;
  readonly sealedSecret: string | undefined;
  readonly message: JobMessage | BatchMessage;
}

/** So many failures are named; the rest are counted. */
const maxFailures = 50;

/** What a delivery is to bring, from the record as it stands. Undefined when there is nothing to tell or nobody to tell it to. */
export function letterOf(delivery: QueueData<'deliveries'>, deps: LetterDeps): Promise<Letter | undefined> {
  return 'batchId' in delivery ? batchLetter(delivery.batchId, deps) : jobLetter(delivery.jobId, deps);
}

async function jobLetter(id: string, { store }: LetterDeps): Promise<Letter | undefined> {
  const record = await store.get(id);
  const message = record && webhookMessage(record);
  const url = record?.spec.callback?.url;
  if (!record || !message || url === undefined) return undefined;
  return { id: messageId(record), about: id, url, sealedSecret: record.sealedCallbackSecret, message };
}

async function batchLetter(id: string, { store, batches }: LetterDeps): Promise<Letter | undefined> {
  const record = await batches.get(id);
  const url = record?.callbackUrl;
  if (!record || url === undefined) return undefined;
  const { tenant } = record;
  const failed = await store.list({ tenant, batch: id, state: 'failed', limit: maxFailures });
  const message = batchWebhookMessage(record, failed.records);
  return (
    message && { id: batchMessageId(id), about: id, url, sealedSecret: record.sealedCallbackSecret, message }
  );
}
