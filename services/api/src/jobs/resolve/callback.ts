import { defaultTenantName } from '@slipway/shared/contracts';
import type { Allowlist } from '@slipway/shared/egress';
import { SlipwayError } from '@slipway/shared/errors';
import { checkEgress } from '../../egress/check-egress.js';

interface Callback {
  readonly url: string;
  readonly secret?: string | undefined;
}

/** What `checkCallback` may throw. */
export const callbackErrors = ['egress_denied', 'callback_secret_missing'] as const;

/**
 * Throws `egress_denied` for a callback to an address that requests may not go to, and `callback_secret_missing` for one without a secret of a tenant
 * other than `default`: a signature by the installation's key says that what it signs is the operator's own.
 */
export function checkCallback(callback: Callback | undefined, tenant: string, allow: Allowlist): void {
  if (!callback) return;
  checkEgress({ url: callback.url, allow, path: '/callback/url', what: 'Callbacks' });
  if (callback.secret !== undefined || tenant === defaultTenantName) return;
  throw new SlipwayError('callback_secret_missing', undefined, {
    errors: [{ path: '/callback/secret', message: 'is needed' }],
  });
}
