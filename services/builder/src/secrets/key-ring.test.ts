import { inspect } from 'node:util';
import { Secret } from '@slipway/shared/config';
import { generateKeyPair, SecretBytes, sealSecrets } from '@slipway/shared/sealing';
import { expect, test } from 'vitest';
import { KeyRing } from './key-ring.js';

const [current, old, foreign] = [generateKeyPair(), generateKeyPair(), generateKeyPair()];
const ring = new KeyRing(new Secret(`${current.privateKey.reveal()}\n\n${old.privateKey.reveal()}\n`));
const sealedFor = (publicKey: string) =>
  sealSecrets({ publicKey, secrets: new Map([['token', new SecretBytes(Buffer.from('hunter2'))]]) });
const opened = (content: Buffer) => Buffer.from(ring.open(content).get('token')?.reveal() ?? []).toString();

test('hands out the first key, and opens what was sealed for any', () => {
  expect(ring.current).toEqual({ keyId: current.publicKey.slice(0, 8), publicKey: current.publicKey });
  for (const { publicKey } of [current, old]) expect(opened(sealedFor(publicKey))).toBe('hunter2');
});

test('a file that names no key is for the first', () => {
  const unnamed = (publicKey: string) =>
    Buffer.from(
      sealedFor(publicKey)
        .toString()
        .replace(/^key_id: .*\n/m, ''),
    );
  expect(opened(unnamed(current.publicKey))).toBe('hunter2');
  expect(() => opened(unnamed(old.publicKey))).toThrow(expect.objectContaining({ code: 'secrets_invalid' }));
});

test('says which keys it has when it is asked for another', () => {
  const opening = () => opened(sealedFor(foreign.publicKey));
  expect(opening).toThrow(expect.objectContaining({ code: 'secrets_key_unknown' }));
  for (const { publicKey } of [current, old, foreign]) expect(opening).toThrow(publicKey.slice(0, 8));
});

test('shows no key', () => {
  expect(inspect(ring, { depth: 9, showHidden: true })).not.toContain(current.privateKey.reveal());
  expect(JSON.stringify(ring)).not.toContain(current.privateKey.reveal());
  expect(() => new KeyRing(new Secret(' \n'))).toThrow('holds no key');
});
