import { Webhook } from 'standardwebhooks';
import { type PayloadSecrets, Secret } from '../config/index.js';
import { deriveKey } from './seal.js';

/**
 * Returns the installation's keys for callbacks without a secret: `WEBHOOK_SECRET` if set, else one key derived from each payload
 * secret, the current one first. Keys have the form that receivers expect: `whsec_` and base64.
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
 * Returns the headers of a message in the format of Standard Webhooks 1.0, signed with each of the secrets, because receivers know
 * only one of them during a rotation. Retries keep the id, but not the time.
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
