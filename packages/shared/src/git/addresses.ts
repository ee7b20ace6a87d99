import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { type Allowlist, allowsAddress } from '../egress/index.js';
import type { GitConfig } from './config.js';
import { gitError } from './failures.js';
import type { RepositoryUrl } from './url.js';

interface AddressOptions {
  readonly url: RepositoryUrl;
  readonly config: Pick<GitConfig, 'allowedHosts' | 'environment'>;
  /** Destinations of user-given requests besides the Internet. */
  readonly egressAllow: Allowlist;
}

/**
 * Returns the checked addresses for git, in the form of libcurl (CURLOPT_RESOLVE), so that git does not resolve the name a second
 * time. Undefined if no check applies: for a file, a literal address, a host that the operator named, behind a proxy, and for ssh,
 * whose addresses `sshAccess` checks. Throws `git_url_invalid` when an address is neither public nor allowed.
 */
export async function checkedAddresses({
  url,
  config,
  egressAllow,
}: AddressOptions): Promise<string | undefined> {
  const proxied = Object.keys(config.environment).some((name) => /^https?_proxy$/i.test(name));
  if (url.ssh || url.host === '' || config.allowedHosts.includes(url.host) || proxied) return undefined;
  const { hostname, port, protocol } = new URL(url.href);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0) {
    if (!allowsAddress(egressAllow, host)) throw denied();
    return undefined;
  }
  const found = await lookup(host, { all: true }).catch(() => {
    throw gitError('git_unreachable', 'The host of the repository has no address.', 'url');
  });
  if (!found.every(({ address }) => allowsAddress(egressAllow, address))) throw denied();
  const addresses = found.map(({ address, family }) => (family === 6 ? `[${address}]` : address));
  return `${host}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}:${addresses.join(',')}`;
}

const denied = () =>
  gitError(
    'git_url_invalid',
    'The URL of the repository leads to an address that this installation does not allow.',
    'url',
  );
