import { defaultTenantName } from '@slipway/shared/contracts';
import type { Allowlist } from '@slipway/shared/egress';
import { SlipwayError } from '@slipway/shared/errors';
import { checkEgress } from '../../egress/check-egress.js';

interface Callback {
  readonly url: string;
  readonly secret?: string | undefined;
}

/** Errors of `checkCallback`. */
export const callbackErrors = ['egress_denied', 'callback_secret_missing'] as const;

/**
 * Throws `egress_denied` for a callback to an address that requests may not go to. Throws `callback_secret_missing` for a callback
 * without a secret, except for the tenant `default`: a signature with the installation's key implies a message of the operator.
 */
export function checkCallback(callback: Callback | undefined, tenant: string, allow: Allowlist): void {
  if (!callback) return;
  checkEgress({ url: callback.url, allow, path: '/callback/url', what: 'Callbacks' });
  if (callback.secret !== undefined || tenant === defaultTenantName) return;
  throw new SlipwayError('callback_secret_missing', undefined, {
    errors: [{ path: '/callback/secret', message: 'is required' }],
  });
}
