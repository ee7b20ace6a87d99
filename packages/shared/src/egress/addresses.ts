import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Prefixes of IPv6 addresses that stand for an IPv4 address, and the byte at which that begins (RFC 6052, RFC 3056). */
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
 * Whether anybody on the Internet may have this address: it is neither private, loopback, link-local, unique-local, multicast or
 * otherwise special (RFC 6890), nor does it stand for one that is (mapped, compatible, NAT64, 6to4). False for what is no address.
 */
export function isPublicAddress(text: string): boolean {
  const address = parse(text);
  return address !== undefined && [address, ...embedded(address)].every(isUnicast);
}

/** The address, and the IPv4 address that an IPv6 address stands for. */
export function readings(text: string): Address[] {
  const address = parse(text);
  return address ? [address, ...embedded(address)] : [];
}

function parse(text: string): Address | undefined {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  // `127.1` and `0x7f.1` are no addresses here: what resolves names makes whole ones of them.
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

/** ipaddr.js calls every IPv6 address that it has no name for unicast; only 2000::/3 has been given out (RFC 4291, IANA). */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');
const translated = ['rfc6052', 'ipv4Mapped', '6to4', 'rfc6145'];

function isUnicast(address: Address): boolean {
  const range = address.range();
  if (address.kind() === 'ipv4') return range === 'unicast';
  // What stands for an IPv4 address is judged by that one.
  if (translated.includes(range)) return true;
  return range === 'unicast' && (address as ipaddr.IPv6).match(globalUnicast);
}
