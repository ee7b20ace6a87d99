import { Secret } from '@slipway/shared/config';
import type { JobStore } from '@slipway/shared/jobs';
import type { Logger } from '@slipway/shared/logger';
import { signWebhook, unseal } from '@slipway/shared/signing';
import { type Dispatcher, request } from 'undici';
import type { WorkerMetrics } from '../metrics.js';
import { messageId, webhookMessage } from './message.js';

interface DeliveryOptions {
  readonly store: Pick<JobStore, 'get'>;
  /** Opens the secrets that callbacks brought. */
  readonly sealingKey: Buffer;
  /** Signs for callbacks that brought none. */
  readonly defaultSecret: Secret;
  readonly dispatcher: Dispatcher;
  readonly metrics: Pick<WorkerMetrics, 'deliveries'>;
  readonly logger: Logger;
  readonly now: () => Date;
}

const timeoutMs = 15_000;
const maxResponseBytes = 16 * 1024;

/** The receiver did not take the message; it is sent again by the schedule of the queue. */
class NotDelivered extends Error {
  override readonly name = 'NotDelivered';
}

/**
 * Sends one message (Standard Webhooks 1.0): only a 2xx within 15 s is a delivery, redirects are not followed,
 * 410 ends it. Throws `NotDelivered` when it is to be sent again.
 */
export async function deliver(jobId: string, attempt: number, options: DeliveryOptions): Promise<void> {
  const { store, sealingKey, defaultSecret, dispatcher, metrics, logger, now } = options;
  const record = await store.get(jobId);
  const message = record && webhookMessage(record);
  const url = record?.spec.callback?.url;
  if (!record || !message || url === undefined) return;
  const secret = record.sealedCallbackSecret
    ? new Secret(unseal(sealingKey, record.sealedCallbackSecret, jobId))
    : defaultSecret;
  const body = JSON.stringify(message);
  const begun = performance.now();
  const outcome = await post({
    url,
    body,
    dispatcher,
    headers: signWebhook({ secret, id: messageId(record), at: now(), body }),
  });
  const delivered = typeof outcome === 'number' && outcome >= 200 && outcome < 300;
  const gone = outcome === 410;
  metrics.deliveries.inc({ outcome: delivered ? 'delivered' : gone ? 'gone' : 'failed' });
  logger.info(
    {
      job_id: jobId,
      webhook_id: messageId(record),
      host: new URL(url).host,
      attempt,
      outcome,
      duration_ms: Math.round(performance.now() - begun),
    },
    delivered ? 'webhook delivered' : 'webhook not delivered',
  );
  if (!delivered && !gone) throw new NotDelivered(`${new URL(url).host} answered ${outcome}`);
}

/** The status, or what went wrong before there was one. */
async function post(options: {
  url: string;
  body: string;
  headers: Record<string, string>;
  dispatcher: Dispatcher;
}): Promise<number | string> {
  try {
    const response = await request(options.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'slipway', ...options.headers },
      body: options.body,
      dispatcher: options.dispatcher,
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body.dump({ limit: maxResponseBytes });
    return response.statusCode;
  } catch (error) {
    return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
  }
}
