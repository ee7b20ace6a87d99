import { isIPv6 } from 'node:net';
import type { Request } from 'express';

/** Returns an address in plain form: IPv4-mapped as IPv4, and without the zone of a link. */
export function plainAddress(address: string): string {
  const mapped = address.startsWith('::ffff:') && address.includes('.');
  return (mapped ? address.slice('::ffff:'.length) : address).replace(/%.*$/, '');
}

/** Returns the network of a client: an IPv4 address, or an IPv6 /64. */
export function networkOf(given: string): string {
  const address = plainAddress(given);
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill('0'), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** Returns the client's address as reported by trusted proxies. An IPv4-mapped address is returned as IPv4. */
export const clientAddress = (req: Request): string => plainAddress(req.ip ?? '');

/** Returns the client's network: an IPv4 address, or an IPv6 /64. */
export const clientNetwork = (req: Request): string => networkOf(req.ip ?? '');
