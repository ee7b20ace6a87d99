import { isIP } from 'node:net';
import { type Allowlist, allowsAddress } from '@slipway/shared/egress';
import { SlipwayError } from '@slipway/shared/errors';

interface CheckOptions {
  readonly url: string;
  readonly allow: Allowlist;
  /** JSON Pointer to the URL in the request. */
  readonly path: string;
  /** The data to send, as a plural that begins a sentence. */
  readonly what: string;
}

/** Throws `egress_denied` for an address that requests may not go to. The worker checks the addresses of a host name when it connects. */
export function checkEgress({ url, allow, path, what }: CheckOptions): void {
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) === 0 || allowsAddress(allow, host)) return;
  throw new SlipwayError('egress_denied', `${what} may not go to ${host}.`, {
    errors: [{ path, message: 'is an address that requests may not go to' }],
  });
}
