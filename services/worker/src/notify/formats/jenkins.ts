import type { WebhookFormat } from '@slipway/shared/contracts';
import { flatFields } from './flat.js';
import { type BuiltRequest, type FormatInput, tokenUnknown } from './request.js';

type Jenkins = Extract<WebhookFormat, { type: 'jenkins' }>;

/**
 * The message with flat copies of its fields, to `…/generic-webhook-trigger/invoke` of the Generic Webhook Trigger plugin.
 * The plugin takes its token as the header `token`, and then asks for no other credentials.
 */
export function jenkins(input: FormatInput<Jenkins>): BuiltRequest {
  const { format, url, message, messageId, tenant, tokens } = input;
  const token = format.token === undefined ? undefined : tokens.find({ tenant, name: format.token, url });
  if (format.token !== undefined && !token) return tokenUnknown(format.token, url);
  return {
    url,
    headers: { 'content-type': 'application/json', ...(token && { token: token.reveal() }) },
    body: JSON.stringify({ ...flatFields(message), message_id: messageId, ...message }),
    signed: true,
    token,
  };
}
