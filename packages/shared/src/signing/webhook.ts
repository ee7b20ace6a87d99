import { Webhook } from 'standardwebhooks';
import { Secret } from '../config/index.js';
import { deriveKey } from './seal.js';

/**
 * The installation's key for callbacks that bring none: `WEBHOOK_SECRET` if it is set, else derived from the
 * payload secret. `whsec_` and base64, as receivers take it.
 */
export function webhookSecret(options: { configured: Secret | undefined; payloadSecret: Secret }): Secret {
  return (
    options.configured ??
    new Secret(`whsec_${deriveKey(options.payloadSecret, 'webhook').toString('base64')}`)
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
