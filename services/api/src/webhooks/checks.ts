import {
  defaultTenantName,
  type WebhookEventType,
  type WebhookFormat,
  webhookFormat,
} from '@slipway/shared/contracts';
import type { Allowlist } from '@slipway/shared/egress';
import { SlipwayError } from '@slipway/shared/errors';
import { checkEgress } from '../egress/check-egress.js';
import { allows } from '../http/auth.js';
import type { Principal } from '../tenants/directory.js';

interface CheckOptions {
  /** The endpoint after the change. */
  readonly endpoint: {
    readonly url: string;
    readonly format: WebhookFormat;
    readonly events: readonly WebhookEventType[];
  };
  readonly principal: Principal;
  readonly egressAllow: Allowlist;
}

/**
 * Checks the rules of an endpoint beyond its schema. Throws `egress_denied`, `forbidden` for events about the fleet, and
 * `request_invalid` for a URL that its format cannot use.
 */
export function checkEndpoint({ endpoint, principal, egressAllow }: CheckOptions): void {
  const { url, format, events } = endpoint;
  checkEgress({ url, allow: egressAllow, path: '/url', what: 'Messages' });
  const { account, scopes } = principal;
  const ofTheFleet = account.name === defaultTenantName && allows(scopes, 'builders:read');
  if (events.some((type) => type.startsWith('builder.')) && !ofTheFleet) {
    const why = `Events of builders are for tokens of the tenant ${defaultTenantName} with the scope builders:read.`;
    throw new SlipwayError('forbidden', why, {
      errors: [{ path: '/events', message: 'holds events of builders' }],
    });
  }
  const { search, hash } = new URL(url);
  if (hash !== '') throw urlRefused('must not have a fragment: HTTP does not send it');
  // The format appends API paths to the URL.
  if (webhookFormat(format.type).target === 'api' && search !== '') {
    throw urlRefused(`must be the base of the API, without a query, for the format ${format.type}`);
  }
}

const urlRefused = (message: string) =>
  new SlipwayError('request_invalid', `body/url: ${message}`, { errors: [{ path: '/url', message }] });
