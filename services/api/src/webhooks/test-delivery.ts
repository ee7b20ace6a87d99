import { randomBytes } from 'node:crypto';
import type { EndpointRecord, NewDelivery } from '@slipway/control-plane/webhooks';
import type { WebhookMessage } from '@slipway/shared/contracts';

interface TestOptions {
  readonly endpoint: EndpointRecord;
  /** Public URL of the API, if configured; without a slash at its end. */
  readonly publicUrl: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Returns a delivery of a test message, which is about its endpoint alone. Each test has a new message id. */
export function testDelivery({ endpoint, publicUrl = '', now }: TestOptions): NewDelivery {
  const { id, tenant, url, format } = endpoint;
  const unique = randomBytes(16).toString('hex');
  // Numbered like other messages about endpoints: milliseconds, then the position among messages of the same one.
  const sequence = now * 1_000;
  const message: WebhookMessage = {
    type: 'webhook.test',
    api_version: 'v1',
    timestamp: new Date(now).toISOString(),
    data: { sequence, url: `${publicUrl}/v1/webhooks/${id}`, webhook: { id, url } },
  };
  return {
    id: `dlv_${unique}`,
    messageId: `msg_${id}_${unique}`,
    tenant,
    lane: `endpoint:${id}`,
    endpointId: id,
    url,
    type: message.type,
    sequence,
    format,
    body: JSON.stringify(message),
  };
}
