import { isIP } from 'node:net';
import { type Allowlist, allowsAddress } from '@slipway/shared/egress';
import { SlipwayError } from '@slipway/shared/errors';

/**
 * Throws `egress_denied` for a callback to an address that requests may not go to. What a name resolves to is known only
 * when the worker connects, and checked then.
 */
export function checkCallback(callback: { readonly url: string } | undefined, allow: Allowlist): void {
  if (!callback) return;
  const host = new URL(callback.url).hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) === 0 || allowsAddress(allow, host)) return;
  throw new SlipwayError('egress_denied', `Callbacks may not go to ${host}.`, {
    errors: [{ path: '/callback/url', message: 'is an address that requests may not go to' }],
  });
}
