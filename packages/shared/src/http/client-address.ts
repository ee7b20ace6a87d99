import { isIPv6 } from 'node:net';
import type { Request } from 'express';

/** Where a request came from, as the trusted proxies before us say. An IPv4 address is written as one. */
export function clientAddress(req: Request): string {
  const address = req.ip ?? '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

/** What one client has of addresses: one of IPv4, and a /64 of IPv6. */
export function clientNetwork(req: Request): string {
  const address = clientAddress(req).replace(/%.*$/, '');
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
