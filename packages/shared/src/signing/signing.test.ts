import { createHmac, randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { Secret } from '../config/index.js';
import {
  deriveKey,
  formatSignature,
  payloadHmac,
  reseal,
  seal,
  signatureMatches,
  signWebhook,
  unseal,
  webhookSecrets,
} from './index.js';

const secret = new Secret('  payload secret\n');
const hmac = (text: string) => payloadHmac(secret).update(text);

describe('a payload signature', () => {
  it('is the HMAC-SHA256 keyed with the trimmed secret, as the Function Builder API requires', () => {
    const expected = createHmac('sha256', 'payload secret').update('body').digest('hex');
    expect(formatSignature(hmac('body'))).toBe(`sha256=${expected}`);
    expect(signatureMatches(`sha256=${expected}`, hmac('body'))).toBe(true);
    expect(signatureMatches(`sha256=${expected.toUpperCase()}`, hmac('body'))).toBe(true);
  });

  it.each([
    undefined,
    '',
    'sha256=',
    'sha256=00',
    `sha1=${'0'.repeat(64)}`,
    `sha256=${'0'.repeat(64)}`,
    `sha256=${'0'.repeat(63)}g`,
    `x${formatSignature(payloadHmac(secret).update('body'))}`,
    formatSignature(payloadHmac(secret).update('bodY')),
  ])('does not match %s', (header) => {
    expect(signatureMatches(header, hmac('body'))).toBe(false);
  });
});

describe('a sealed text', () => {
  const key = deriveKey(secret, 'test');

  it('opens with the same key and context only', () => {
    const sealed = seal(key, 'whsec_x', 'job_1');
    expect(unseal(key, sealed, 'job_1')).toBe('whsec_x');
    expect(() => unseal(key, sealed, 'job_2')).toThrow();
    expect(() => unseal(deriveKey(secret, 'other'), sealed, 'job_1')).toThrow();
    const changed = Buffer.from(sealed, 'base64');
    changed[14] = (changed[14] ?? 0) ^ 1;
    expect(() => unseal(key, changed.toString('base64'), 'job_1')).toThrow();
  });

  it('opens with a previous key, too, and is then resealed with the current one', () => {
    const [older, other] = [deriveKey(new Secret('older'), 'test'), deriveKey(new Secret('x'), 'test')];
    for (const old of [key, older]) {
      const sealed = seal(old, 'whsec_x', 'job_1');
      expect(unseal([other, key, older], sealed, 'job_1')).toBe('whsec_x');
      expect(() => unseal([other, key, older], sealed, 'job_2')).toThrow();
      expect(() => unseal(other, sealed, 'job_1')).toThrow();
      const resealed = reseal([other, key, older], sealed, 'job_1') ?? '';
      expect(unseal(other, resealed, 'job_1')).toBe('whsec_x');
      expect(reseal([other, key], resealed, 'job_1')).toBeUndefined();
      expect(() => reseal(other, sealed, 'job_1')).toThrow();
    }
  });

  it('differs each time', () => {
    expect(seal(key, 'same', 'c')).not.toBe(seal(key, 'same', 'c'));
  });
});

describe('a webhook signature', () => {
  it('passes the reference library with each secret, and only for the signed body', () => {
    const own = new Secret(`whsec_${randomBytes(32).toString('base64')}`);
    const before = new Secret(`whsec_${randomBytes(24).toString('base64')}`);
    const headers = signWebhook({ secrets: [own, before], id: 'msg_1', at: new Date(), body: '{"a":1}' });
    for (const secret of [own, before]) {
      const receiver = new Webhook(secret.reveal());
      expect(receiver.verify('{"a":1}', headers)).toEqual({ a: 1 });
      expect(() => receiver.verify('{"a":2}', headers)).toThrow();
    }
    const stranger = new Webhook(`whsec_${randomBytes(32).toString('base64')}`);
    expect(() => stranger.verify('{"a":1}', headers)).toThrow();
  });

  it('uses the configured key, or one derived from the payload secret', () => {
    const configured = new Secret('whsec_QUJD');
    const [before, trimmed] = [new Secret('before'), new Secret('payload secret')];
    const derive = (...secrets: [Secret, ...Secret[]]) => {
      const [payloadSecret, ...previousPayloadSecrets] = secrets;
      const options = { webhookSecret: undefined, payloadSecret, previousPayloadSecrets };
      expect(webhookSecrets({ ...options, webhookSecret: configured })).toEqual([configured]);
      return webhookSecrets(options).map((each) => each.reveal());
    };
    const [derived = ''] = derive(secret);
    expect(derived).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(derive(trimmed, before)).toEqual([derived, ...derive(before)]);
  });
});
