import { webhookFormats } from './formats.js';

/**
 * The reasons why a delivery fails permanently or is canceled, with their texts for people. A reason of a format's `failures` is followed
 * by `: ` and a detail. A final answer of an API has the reason `refused_<status>`.
 */
export const deliveryReasons: Readonly<Record<string, string>> = {
  exhausted: 'every attempt failed',
  gone: 'the receiver answered 410',
  egress_denied: 'requests may not go to this address (EGRESS_ALLOW)',
  webhook_disabled: 'the endpoint was disabled',
  webhook_deleted: 'the endpoint was deleted',
  stale: 'something newer was sent',
  secret_unreadable: 'a worker could not open the secret of the endpoint',
  ...Object.assign({}, ...webhookFormats.map(({ skips, failures }) => ({ ...skips, ...failures }))),
};
