import { flatFields } from './flat-fields.js';
import { defineFormat, noToken, tokenField, tokenUnknown } from './format.js';

/**
 * The message with flat copies of its fields, to `…/generic-webhook-trigger/invoke` of the Generic Webhook Trigger plugin.
 * The plugin takes its token as the header `token`, and then asks for no other credentials.
 */
export const jenkins = defineFormat({
  type: 'jenkins',
  name: 'Jenkins, Generic Webhook Trigger',
  description:
    'The message plus a flat copy of its fields, for the Generic Webhook Trigger plugin; signed as well',
  target: 'receiver',
  setsCommitStatus: false,
  fields: { token: { ...tokenField, description: 'Sent as the header `token`, which the plugin reads' } },
  skips: {},
  failures: noToken,
  supports: () => true,
  request({ format, url, message, messageId, token: tokenOf }) {
    const token = format.token === undefined ? undefined : tokenOf(format.token);
    if (format.token !== undefined && !token) return tokenUnknown(format.token, url);
    return {
      url,
      headers: { 'content-type': 'application/json', ...(token && { token: token.reveal() }) },
      body: JSON.stringify({ ...flatFields(message), message_id: messageId, ...message }),
      token,
    };
  },
});
