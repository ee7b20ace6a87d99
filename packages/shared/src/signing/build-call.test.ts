import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Secret } from '../config/index.js';
import { type BuildCall, formatSignature, payloadHmac, signBuildCall, verifyBuildCall } from './index.js';

const secret = new Secret('  payload secret\n');
const at = new Date('2026-01-02T03:04:05.678Z');
const get: BuildCall = { method: 'GET', path: '/builds/att_1?from=7', buildId: 'att_1' };
const post: BuildCall = {
  method: 'POST',
  path: '/build',
  buildId: 'att_1',
  payloadSignature: formatSignature(payloadHmac(secret).update('body')),
};

const codeOf = (run: () => void) => {
  try {
    run();
    return 'valid';
  } catch (error) {
    return (error as { code: string }).code;
  }
};
const verdict = (call: BuildCall, header: string | undefined, now = at, secrets = [secret]) =>
  codeOf(() => verifyBuildCall({ secrets, call, header, at: now }));

const hmac = (text: string) => createHmac('sha256', 'payload secret').update(text).digest('hex');

describe('the signature of a call about a build', () => {
  const header = signBuildCall({ secret, call: get, at });

  it('is an HMAC of method, path, id, time and body hash, one a line', () => {
    const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    const t = '1767323045';
    expect(header).toBe(
      `t=${t},v1=${hmac(['GET', '/builds/att_1?from=7', 'att_1', t, emptyHash].join('\n'))}`,
    );
    const bodyHash = hmac('body');
    expect(signBuildCall({ secret, call: post, at })).toBe(
      `t=${t},v1=${hmac(['POST', '/build', 'att_1', t, bodyHash].join('\n'))}`,
    );
  });

  it('is valid for its call, also in upper case', () => {
    expect(verdict(get, header)).toBe('valid');
    expect(verdict(post, signBuildCall({ secret, call: post, at }))).toBe('valid');
    const upper = { ...post, payloadSignature: `SHA256=${post.payloadSignature?.slice(7).toUpperCase()}` };
    expect(verdict(upper, signBuildCall({ secret, call: post, at }))).toBe('valid');
  });

  it.each<[string, Partial<BuildCall>]>([
    ['method', { method: 'DELETE' }],
    ['line', { path: '/builds/att_1?from=8' }],
    ['path', { path: '/builds/att_2?from=7' }],
    ['id', { buildId: 'att_2' }],
    ['body', { payloadSignature: post.payloadSignature }],
  ])('is invalid for another %s', (_what, changes) => {
    expect(verdict({ ...get, ...changes }, header)).toBe('signature_invalid');
  });

  it.each([
    ['', 'signature_invalid'],
    [undefined, 'signature_missing'],
    [header.replace('t=1767323045', 't=1767323046'), 'signature_invalid'],
    [header.replace('v1=', 'v2='), 'signature_invalid'],
    [`${header}00`, 'signature_invalid'],
    [header.slice(0, -1), 'signature_invalid'],
  ])('%s is refused with %s', (text, code) => {
    expect(verdict(get, text)).toBe(code);
  });

  it('is valid for five minutes before and after its time', () => {
    const after = (seconds: number) => new Date(at.getTime() + seconds * 1_000);
    for (const seconds of [-300, 300]) expect(verdict(get, header, after(seconds))).toBe('valid');
    for (const seconds of [-302, 301]) expect(verdict(get, header, after(seconds))).toBe('signature_expired');
    // A wrong signature is not reported as an old one.
    const wrong = header.replace(/.{64}$/, '0'.repeat(64));
    expect(verdict(get, wrong, after(1_000))).toBe('signature_invalid');
  });

  it('is valid with a previous secret too', () => {
    const other = new Secret('other');
    expect(verdict(get, header, at, [other, secret])).toBe('valid');
    expect(verdict(get, header, at, [other])).toBe('signature_invalid');
  });

  it('does not exist for a payload signature that has no such form', () => {
    const broken = { ...post, payloadSignature: 'sha256=00' };
    expect(verdict(broken, header)).toBe('signature_invalid');
  });
});
