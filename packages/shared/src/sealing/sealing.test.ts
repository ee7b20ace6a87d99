import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { Secret } from '../config/index.js';
import {
  generateKeyPair,
  keyIdOf,
  maxSealedBytes,
  openSecrets,
  parseSealedSecrets,
  publicKeyOf,
  SecretBytes,
  sealSecrets,
} from './index.js';
import { buildPeer, hasGo, type Peer } from './testing/peer.js';

type Clear = Readonly<Record<string, Uint8Array | string>>;
const secretsOf = (clear: Clear) =>
  new Map(Object.entries(clear).map(([name, value]) => [name, new SecretBytes(Buffer.from(value))] as const));
const pair = generateKeyPair();
const sealedFor = (clear: Clear) =>
  sealSecrets({ publicKey: pair.publicKey, secrets: secretsOf(clear) }).toString();
const openedBy = (privateKey: Secret, content: string) => {
  const sealed = parseSealedSecrets(Buffer.from(content));
  const opened = openSecrets({ sealed, privateKey });
  return Object.fromEntries([...opened].map(([name, value]) => [name, Buffer.from(value.reveal())]));
};
const refused = expect.objectContaining({ code: 'secrets_invalid' });

const values: Clear = {
  npm_token: 'npm_4F4k3',
  'ca.crt': '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  '1234': '',
  'key-store': Buffer.from([0, 255, 10, 13, 0, 128, 0]),
  long: Buffer.alloc(50_000, 'x'),
};
const bytes = Object.fromEntries(
  Object.entries(values).map(([name, value]) => [name, Buffer.from(value as string)]),
);

describe('sealed secrets', () => {
  test('open to the original bytes, for any bytes', () => {
    expect(openedBy(pair.privateKey, sealedFor(values))).toEqual(bytes);
    const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/);
    fc.assert(
      fc.property(fc.dictionary(name, fc.uint8Array({ maxLength: 200 })), (clear) => {
        const opened = openedBy(pair.privateKey, sealedFor(clear));
        expect(Object.keys(opened).sort()).toEqual(Object.keys(clear).sort());
        for (const [key, value] of Object.entries(clear)) expect(opened[key]).toEqual(Buffer.from(value));
      }),
      { numRuns: 30 },
    );
  });

  test('name the key that opens them, and use a sender key and nonces once', () => {
    const [one, two] = [sealedFor(values), sealedFor(values)].map((text) => parse(text));
    expect(one).toMatchObject({ version: 'v1', algorithm: 'nacl/box', key_id: pair.publicKey.slice(0, 8) });
    expect(one.key_id).toBe(keyIdOf(publicKeyOf(pair.privateKey)));
    expect(one.public_key).not.toBe(two.public_key);
    expect(one.secrets.npm_token.slice(0, 32)).not.toBe(two.secrets.npm_token.slice(0, 32));
  });

  test('hold no clear text, and never print it', () => {
    expect(sealedFor({ token: 'the clear text' })).not.toContain(
      Buffer.from('the clear text').toString('base64'),
    );
    const secret = new SecretBytes(Buffer.from('the clear text'));
    const shown = [`${secret}`, JSON.stringify({ secret }), inspect({ secret }), inspect(pair)].join();
    expect(shown).not.toContain('clear');
    expect(shown).not.toContain(pair.privateKey.reveal());
    secret.wipe();
    expect(secret.reveal().every((byte) => byte === 0)).toBe(true);
  });

  test('do not open with another key, or after a changed bit', () => {
    const sealed = sealedFor({ token: 'x' });
    expect(() => openedBy(generateKeyPair().privateKey, sealed)).toThrow(refused);
    const envelope = parse(sealed);
    const box = Buffer.from(envelope.secrets.token, 'base64');
    for (const at of [0, 23, 24, box.length - 1]) {
      const changed = Buffer.from(box);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const content = stringify({ ...envelope, secrets: { token: changed.toString('base64') } });
      expect(() => openedBy(pair.privateKey, content)).toThrow(refused);
    }
  });
});

describe('parsing refuses', () => {
  const good = parse(sealedFor({ token: 'the value' }));
  const box: string = good.secrets.token;
  const many = Object.fromEntries([...Array(101).keys()].map((index) => [`s${index}`, box]));
  test.each<[string, string]>([
    ['nothing', ''],
    ['a list', '- a\n'],
    ['invalid YAML', 'a: [b\n'],
    ['invalid UTF-8', '\udc00'],
    ['aliases', `x: &x [a]\ny: [*x, *x]\n${stringify(good)}`],
    ['a key twice', `${stringify(good)}version: v1\n`],
    ['two documents', `${stringify(good)}---\n${stringify(good)}`],
    ['deep nesting', '['.repeat(100_000)],
    ['another version', stringify({ ...good, version: 'v2' })],
    ['another algorithm', stringify({ ...good, algorithm: 'age' })],
    ['a short key', stringify({ ...good, public_key: 'AAAA' })],
    ['no secrets', stringify({ ...good, secrets: 'none' })],
    ['too many', stringify({ ...good, secrets: many })],
    ['too much', `${stringify(good)}#${'x'.repeat(maxSealedBytes)}\n`],
    ['a value that is too long', stringify({ ...good, secrets: { token: 'AAAA'.repeat(180_000) } })],
    ['a value that is too short', stringify({ ...good, secrets: { token: 'AAAA' } })],
    ['invalid base64', stringify({ ...good, secrets: { token: `${box.slice(0, -1)}!` } })],
    ...['', '.', '../x', 'a/b', 'a,src=/etc/passwd', 'a b', '-a', '__proto__', 'a\n', 'x'.repeat(129)].map(
      (name): [string, string] => [
        `the name ${JSON.stringify(name)}`,
        `${stringify({ ...good, secrets: undefined })}secrets:\n  ${JSON.stringify(name)}: ${box}\n`,
      ],
    ),
  ])('%s', (_what, content) => {
    const parsing = () => parseSealedSecrets(Buffer.from(content));
    expect(parsing).toThrow(refused);
    expect(parsing).not.toThrow(box);
  });

  test('any bytes with a coded error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
        ),
        (content) => {
          expect(() => parseSealedSecrets(content)).toThrow(refused);
        },
      ),
    );
  });
});

test('sealing refuses secrets that a builder would refuse', () => {
  expect(() => sealedFor({ 'a/b': 'x' })).toThrow(refused);
  expect(() => sealedFor({ a: Buffer.alloc(500 * 1024 + 1) })).toThrow(refused);
  expect(() => sealedFor({ a: Buffer.alloc(500 * 1024), b: Buffer.alloc(500 * 1024) })).toThrow(refused);
  expect(() => sealSecrets({ publicKey: 'no key', secrets: new Map() })).toThrow(/not a key/);
  expect(() => publicKeyOf(new Secret('too short'))).toThrow('is not a key of 32 bytes in base64');
});

describe.runIf(await hasGo())('the Go SDK of OpenFaaS', () => {
  let peer: Peer;
  beforeAll(async () => {
    peer = await buildPeer();
  });
  afterAll(() => peer?.remove());
  const inBase64 = Object.fromEntries(
    Object.entries(bytes).map(([name, value]) => [name, value.toString('base64')]),
  );

  test('opens secrets that were sealed here', async () => {
    const answer = await peer.ask({
      op: 'open',
      key: pair.privateKey.reveal(),
      envelope: sealedFor(values),
    });
    expect(answer.secrets).toEqual(inBase64);
    expect(answer.key_id).toBe(keyIdOf(pair.publicKey));
  });

  test('seals secrets that open here', async () => {
    const { envelope } = await peer.ask({ op: 'seal', key: pair.publicKey, secrets: inBase64 });
    expect(openedBy(pair.privateKey, envelope)).toEqual(bytes);
    expect(parseSealedSecrets(Buffer.from(envelope)).keyId).toBe(keyIdOf(pair.publicKey));
  });

  test('creates key pairs that work here, with the same ids', async () => {
    const made = await peer.ask({ op: 'generate' });
    const privateKey = new Secret(made.private_key);
    expect(publicKeyOf(privateKey)).toBe(made.public_key);
    expect(keyIdOf(made.public_key)).toBe(made.key_id);
    const sealed = sealSecrets({ publicKey: made.public_key, secrets: secretsOf(values) }).toString();
    expect(openedBy(privateKey, sealed)).toEqual(bytes);
  });

  test('writes the same bytes, except random ones', async () => {
    const clear = { alpha: 'one', beta: 'two' };
    const theirs = await peer.ask({
      op: 'seal',
      key: pair.publicKey,
      secrets: { alpha: Buffer.from('one').toString('base64'), beta: Buffer.from('two').toString('base64') },
    });
    const byChance = (text: string) =>
      text.replace(/(public_key|alpha|beta): [A-Za-z0-9+/=]+/g, (whole, name) => `${name}: ${whole.length}`);
    expect(byChance(sealedFor(clear))).toBe(byChance(theirs.envelope));
  });
});
