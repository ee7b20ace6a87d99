import { Webhook } from 'standardwebhooks';
import { type PayloadSecrets, Secret } from '../config/index.js';
import { deriveKey } from './seal.js';

/**
 * The installation's keys for callbacks that bring none: `WEBHOOK_SECRET` if it is set, else one derived from each
 * payload secret, that of the current one first. `whsec_` and base64, as receivers take it.
 */
export function webhookSecrets(
  options: PayloadSecrets & { readonly webhookSecret: Secret | undefined },
): Secret[] {
  const { webhookSecret, payloadSecret, previousPayloadSecrets } = options;
  if (webhookSecret) return [webhookSecret];
  return [payloadSecret, ...previousPayloadSecrets].map(
    (secret) => new Secret(`whsec_${deriveKey(secret, 'webhook').toString('base64')}`),
  );
}

/**
 * The headers of a message, after Standard Webhooks 1.0, signed with each of the secrets: receivers know one of them while they are being
 * changed. The id stays the same over retries, the time does not.
 */
export function signWebhook(options: {
  secrets: readonly Secret[];
  id: string;
  at: Date;
  body: string;
}): Record<string, string> {
  const { secrets, id, at, body } = options;
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret.reveal()).sign(id, at, body)).join(' '),
  };
}
