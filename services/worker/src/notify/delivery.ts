import { Secret } from '@slipway/shared/config';
import type { Logger } from '@slipway/shared/logger';
import type { QueueData } from '@slipway/shared/queues';
import { signWebhook, unseal } from '@slipway/shared/signing';
import { type Dispatcher, request } from 'undici';
import type { WorkerMetrics } from '../metrics.js';
import { type LetterDeps, letterOf } from './letter.js';

interface DeliveryOptions extends LetterDeps {
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
 * 410 ends it, and so does an address that requests may not go to. Throws `NotDelivered` when it is to be sent again.
 */
export async function deliver(
  delivery: QueueData<'deliveries'>,
  attempt: number,
  options: DeliveryOptions,
): Promise<void> {
  const { sealingKey, defaultSecret, dispatcher, metrics, logger, now } = options;
  const letter = await letterOf(delivery, options);
  if (!letter) return;
  const { id, about, url, sealedSecret, message } = letter;
  const secret = sealedSecret ? new Secret(unseal(sealingKey, sealedSecret, about)) : defaultSecret;
  const body = JSON.stringify(message);
  const begun = performance.now();
  const outcome = await post({
    url,
    body,
    dispatcher,
    headers: signWebhook({ secrets: [secret], id, at: now(), body }),
  });
  const delivered = typeof outcome === 'number' && outcome >= 200 && outcome < 300;
  // Nothing changes by trying again.
  const refused = outcome === 'egress_denied';
  const gone = outcome === 410;
  metrics.deliveries.inc({
    outcome: delivered ? 'delivered' : gone ? 'gone' : refused ? 'refused' : 'failed',
  });
  logger.info(
    {
      about,
      webhook_id: id,
      host: new URL(url).host,
      attempt,
      outcome,
      duration_ms: Math.round(performance.now() - begun),
    },
    delivered ? 'webhook delivered' : 'webhook not delivered',
  );
  if (!delivered && !gone && !refused) throw new NotDelivered(`${new URL(url).host} answered ${outcome}`);
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
