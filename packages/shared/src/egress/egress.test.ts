import { createServer, type Server } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import fc from 'fast-check';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { isPublicAddress } from './addresses.js';
import { createEgressAgent } from './agent.js';
import { allowsAddress, parseAllowlist } from './allowlist.js';

const noExceptions = parseAllowlist('');

describe('an address', () => {
  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '192.0.0.8',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '[::1]',
    '::7f00:1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:0:127.0.0.1',
    '64:ff9b::127.0.0.1',
    '64:ff9b::a00:1',
    '64:ff9b:1::a00:1',
    '2002:7f00:1::',
    '2002:c0a8:101::1',
    '2001::1',
    '2001:db8::1',
    '3fff::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '100::1',
    '4000::1',
    '127.1',
    '0x7f000001',
    '2130706433',
    'localhost',
    '',
  ])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each([
    '1.1.1.1',
    '93.184.216.34',
    '2606:4700:4700::1111',
    '[2606:4700:4700::1111]',
    '::ffff:1.1.1.1',
    '64:ff9b::1.1.1.1',
    '2002:101:101::1',
  ])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it('is private in every IPv6 form of a private one', () => {
    const octet = fc.nat(255);
    const privates = fc.oneof(
      fc.tuple(fc.constant(10), octet, octet, octet),
      fc.tuple(fc.constant(127), octet, octet, octet),
      fc.tuple(fc.constant(192), fc.constant(168), octet, octet),
      fc.tuple(fc.constant(169), fc.constant(254), octet, octet),
    );
    const forms = fc.constantFrom('::', '::ffff:', '::ffff:0:', '64:ff9b::', '64:ff9b:1::');
    fc.assert(
      fc.property(privates, forms, ([a, b, c, d], prefix) => {
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        expect(isPublicAddress(`${prefix}${hex}`)).toBe(false);
        expect(isPublicAddress(`${prefix}${a}.${b}.${c}.${d}`)).toBe(false);
        expect(isPublicAddress(`2002:${hex}::1`)).toBe(false);
      }),
    );
  });
});

describe('the allowlist', () => {
  it('allows ranges and single addresses, in every form', () => {
    const allow = parseAllowlist('10.0.0.0/8, 192.168.1.7, fd00::/8');
    for (const address of ['10.9.8.7', '::ffff:10.9.8.7', '192.168.1.7', 'fd12::1', '1.1.1.1'])
      expect(allowsAddress(allow, address)).toBe(true);
    for (const address of ['11.0.0.1.', '192.168.1.8', 'fe80::1', '127.0.0.1'])
      expect(allowsAddress(allow, address)).toBe(false);
  });

  it.each(['10.0.0.0/33', 'http://x', '*', 'a..b', '*.'])('refuses %s', (text) => {
    expect(() => parseAllowlist(text)).toThrow('must hold');
  });
});

describe('a request through the guard', () => {
  let server: Server;
  let port: number;
  let connections: number;
  beforeEach(async () => {
    connections = 0;
    server = createServer((_req, res) => res.end('reached')).on('connection', () => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** A resolver. Each lookup of a name returns its next list of addresses. */
  const names = (table: Record<string, string[][]>): LookupFunction => {
    const asked = new Map<string, number>();
    return (name, options, callback) => {
      const lists = table[name] ?? [];
      const turn = asked.get(name) ?? 0;
      asked.set(name, turn + 1);
      const list = (lists[Math.min(turn, lists.length - 1)] ?? []).map((address) => ({
        address,
        family: address.includes(':') ? 6 : 4,
      }));
      if (options.all) (callback as (e: null, all: typeof list) => void)(null, list);
      else callback(null, list[0]?.address ?? '', list[0]?.family ?? 4);
    };
  };
  const ask = async (url: string, allow = noExceptions, table: Record<string, string[][]> = {}) => {
    const dispatcher = createEgressAgent({
      allow,
      connections: 1,
      connectTimeoutMs: 2_000,
      lookup: names(table),
    });
    onTestFinished(() => dispatcher.destroy());
    const { statusCode, body } = await request(url, { dispatcher });
    return [statusCode, await body.text()];
  };
  const isDenied = { code: 'egress_denied' };

  it.each(['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '[::7f00:1]', '2130706433', '0x7f.1', '127.1', '0'])(
    'connects to no http://%s/',
    async (host) => {
      await expect(ask(`http://${host}:${port}/`)).rejects.toMatchObject(isDenied);
      expect(connections).toBe(0);
    },
  );

  it('refuses a name with such an address, and hides the address', async () => {
    const table = { 'evil.example': [['127.0.0.1']], 'many.example': [['10.0.0.1', '::1']] };
    for (const name of Object.keys(table)) {
      const error = await ask(`http://${name}:${port}/`, noExceptions, table).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject(isDenied);
      expect(String(error)).not.toMatch(/127\.0|10\.0/);
    }
    expect(connections).toBe(0);
  });

  it('connects to the address that it checked, even if the name changes (rebinding)', async () => {
    const table = { 'rebinding.example': [['192.0.2.1'], ['127.0.0.1']] };
    await expect(ask(`http://rebinding.example:${port}/`, noExceptions, table)).rejects.toMatchObject(
      isDenied,
    );
    expect(connections).toBe(0);
  });

  it('uses the allowed addresses of a name', async () => {
    const table = { 'mixed.example': [['10.0.0.1', '127.0.0.1']] };
    expect(await ask(`http://mixed.example:${port}/`, parseAllowlist('127.0.0.0/8'), table)).toEqual([
      200,
      'reached',
    ]);
  });

  it('connects to allowed names and networks', async () => {
    const table = { 'ci.internal': [['127.0.0.1']], 'a.svc.local': [['127.0.0.1']] };
    for (const [host, allow] of [
      ['ci.internal', 'ci.internal'],
      ['a.svc.local', '*.svc.local'],
      ['127.0.0.1', '127.0.0.0/8'],
    ]) {
      expect(await ask(`http://${host}:${port}/`, parseAllowlist(allow ?? ''), table)).toEqual([
        200,
        'reached',
      ]);
    }
    const below = ask(`http://svc.local:${port}/`, parseAllowlist('*.svc.local'), {
      'svc.local': [['127.0.0.1']],
    });
    await expect(below).rejects.toMatchObject(isDenied);
  });
});
