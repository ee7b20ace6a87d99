import type { Allowlist } from '@slipway/shared/egress';
import { checkEgress } from '../../egress/check-egress.js';

/** Throws `egress_denied` for a callback to an address that requests may not go to. */
export function checkCallback(callback: { readonly url: string } | undefined, allow: Allowlist): void {
  if (callback) checkEgress({ url: callback.url, allow, path: '/callback/url', what: 'Callbacks' });
}
