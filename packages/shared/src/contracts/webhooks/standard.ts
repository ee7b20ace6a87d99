import { defineFormat } from './format.js';

/** The message as it is, signed. */
export const standard = defineFormat({
  type: 'standard',
  name: 'Standard Webhooks',
  description: 'Standard Webhooks 1.0',
  target: 'receiver',
  setsCommitStatus: false,
  fields: {},
  skips: {},
  failures: {},
  supports: () => true,
  request: ({ url, body }) => ({
    url,
    headers: { 'content-type': 'application/json' },
    body,
    token: undefined,
  }),
});
