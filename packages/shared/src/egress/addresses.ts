import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Prefixes of IPv6 addresses that embed an IPv4 address, and the byte at which it begins (RFC 6052, RFC 3056). */
const embeddings: readonly (readonly [prefix: string, at: number])[] = [
  ['::/96', 12],
  ['::ffff:0:0/96', 12],
  ['::ffff:0:0:0/96', 12],
  ['64:ff9b::/96', 12],
  ['64:ff9b:1::/48', 12],
  ['2002::/16', 2],
];
const embeddingRanges = embeddings.map(([prefix, at]) => ({ range: ipaddr.IPv6.parseCIDR(prefix), at }));

/**
 * Returns true for a public address: neither private, loopback, link-local, unique-local, multicast nor otherwise special (RFC
 * 6890). An embedded IPv4 address (mapped, compatible, NAT64, 6to4) must be public, too. False for an invalid address.
 */
export function isPublicAddress(text: string): boolean {
  const address = parse(text);
  return address !== undefined && [address, ...embedded(address)].every(isUnicast);
}

/** Returns the address, and the IPv4 address that an IPv6 address embeds. */
export function readings(text: string): Address[] {
  const address = parse(text);
  return address ? [address, ...embedded(address)] : [];
}

function parse(text: string): Address | undefined {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  // Refuses `127.1` and `0x7f.1`, because resolvers expand them to other addresses.
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return ipaddr.IPv4.parse(bare);
  return ipaddr.IPv6.isValid(bare) ? ipaddr.IPv6.parse(bare) : undefined;
}

function embedded(address: Address): ipaddr.IPv4[] {
  if (address.kind() === 'ipv4') return [];
  const v6 = address as ipaddr.IPv6;
  const bytes = v6.toByteArray();
  return embeddingRanges
    .filter(({ range }) => v6.match(range))
    .map(({ at }) => new ipaddr.IPv4(bytes.slice(at, at + 4)));
}

/** ipaddr.js calls every unknown IPv6 address unicast. Only 2000::/3 has been allocated (RFC 4291, IANA). */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');
const translated = ['rfc6052', 'ipv4Mapped', '6to4', 'rfc6145'];

function isUnicast(address: Address): boolean {
  const range = address.range();
  if (address.kind() === 'ipv4') return range === 'unicast';
  // The embedded IPv4 address decides.
  if (translated.includes(range)) return true;
  return range === 'unicast' && (address as ipaddr.IPv6).match(globalUnicast);
}
