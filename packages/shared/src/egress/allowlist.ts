import ipaddr from 'ipaddr.js';
import type { Fields } from '../config/fields.js';
import { isPublicAddress, readings } from './addresses.js';

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Destinations of user-given requests besides the Internet. */
export interface Allowlist {
  /** Names that may resolve to any address. A name that begins with a dot includes its subdomains. */
  readonly hosts: readonly string[];
  readonly ranges: readonly Range[];
}

/** Returns the allowlist of `EGRESS_ALLOW`. */
export function egressAllow(fields: Fields): Allowlist {
  const allow = fields.optionalParsed('EGRESS_ALLOW', {
    doc: 'Where callbacks may go besides public addresses: CIDRs, addresses and host names, comma-separated (`10.0.0.0/8,ci.internal,*.svc.cluster.local`)',
    parse: parseAllowlist,
  });
  return allow ?? parseAllowlist('');
}

const hostName =
  /^(?:\*\.)?(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/** Parses a comma-separated list of CIDRs, addresses and host names; `*.name` matches all names below it. Throws on any other item. */
export function parseAllowlist(text: string): Allowlist {
  const hosts: string[] = [];
  const ranges: Range[] = [];
  for (const item of text.split(',').map((each) => each.trim().toLowerCase())) {
    if (item === '') continue;
    if (ipaddr.isValidCIDR(item)) ranges.push(ipaddr.parseCIDR(item));
    else if (ipaddr.IPv4.isValidFourPartDecimal(item)) ranges.push(ipaddr.parseCIDR(`${item}/32`));
    else if (ipaddr.IPv6.isValid(item)) ranges.push(ipaddr.parseCIDR(`${item}/128`));
    else if (hostName.test(item)) hosts.push(item.replace(/^\*/, ''));
    else throw new Error(`must hold CIDRs, addresses and host names, not '${item}'`);
  }
  return { hosts, ranges };
}

export function allowsHost({ hosts }: Allowlist, name: string): boolean {
  const host = name.toLowerCase().replace(/\.$/, '');
  return hosts.some((allowed) => (allowed.startsWith('.') ? host.endsWith(allowed) : host === allowed));
}

/** Returns true if a connection to the address is allowed: the address is public, or one of its readings lies in a range. */
export function allowsAddress({ ranges }: Allowlist, address: string): boolean {
  if (isPublicAddress(address)) return true;
  return readings(address).some((reading) =>
    ranges.some(([range, bits]) => range.kind() === reading.kind() && reading.match(range, bits)),
  );
}
