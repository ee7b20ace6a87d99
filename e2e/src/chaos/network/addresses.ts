import type { Zone } from './name-server.js';

/** The one public address of the test network. */
export const publicAddress = '93.184.216.34';

/** Addresses of the test network that Slipway must never connect to. A trap listens on all of them. */
export const privateAddresses = [
  '10.0.0.7',
  '172.16.5.5',
  '192.168.1.7',
  '100.64.0.9',
  '169.254.169.254',
  '198.18.0.1',
  'fd00::7',
  '64:ff9b::7f00:1',
  '64:ff9b::a00:7',
  '2002:a00:7::1',
] as const;

export const zone: Zone = {
  'public.test': [[publicAddress]],
  'redirect.test': [[publicAddress]],
  'private.test': [['10.0.0.7']],
  'metadata.test': [['169.254.169.254']],
  localhost: [['127.0.0.1']],
  'loopback.test': [['127.0.0.1']],
  'six.test': [['fd00::7']],
  'mapped.test': [['::ffff:127.0.0.1']],
  'nat64.test': [['64:ff9b::7f00:1']],
  'sixtofour.test': [['2002:a00:7::1']],
  'both.test': [[publicAddress, '10.0.0.7', 'fd00::7']],
  'rebinding.test': [[publicAddress], ['127.0.0.1']],
  'flipping.test': [['127.0.0.1'], [publicAddress]],
};

/** Hosts with private addresses only, in every spelling that a URL allows. */
export const privateHosts = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f.1',
  '0177.0.0.1',
  '0',
  ...privateAddresses.map((address) => (address.includes(':') ? `[${address}]` : address)),
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:a00:7]',
  '[::127.0.0.1]',
  '[::7f00:1]',
  '[fe80::7]',
  '[ff02::1]',
  '224.0.0.1',
  '255.255.255.255',
  'localhost',
  'LOCALHOST',
  'localhost.',
  ...Object.keys(zone).filter((name) => zone[name]?.every((list) => !list.includes(publicAddress))),
] as const;

/** Names with the public address and private ones, either together or at different times. */
export const mixedHosts = ['both.test', 'rebinding.test', 'flipping.test'] as const;
