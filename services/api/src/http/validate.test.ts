import { endpointPatchSchema, jobRequestSchema } from '@slipway/shared/contracts';
import { describe, expect, it } from 'vitest';
import { validate } from './validate.js';

describe('a body', () => {
  it.each([
    ['{"labels":{"__proto__":"x"}}', '/labels/__proto__'],
    ['{"enabled":true,"__proto__":{}}', '/__proto__'],
    ['{"labels":{"a":"b"},"format":{"type":"standard","__proto__":1}}', '/format/__proto__'],
  ])('is refused with a key that the document forbids: %s', (text, path) => {
    expect(() => validate(endpointPatchSchema, JSON.parse(text), 'body')).toThrow(
      expect.objectContaining({ code: 'request_invalid', errors: [expect.objectContaining({ path })] }),
    );
  });

  it.each([
    [{ image: 'Foo Bar' }, 'body/image: "Foo Bar" is not an image reference'],
    [
      { image: `x\u001b[2J${'y'.repeat(300)}` },
      `body/image: "x\\u001b[2J${'y'.repeat(195)}…" is not an image`,
    ],
    [{ image: 'https://u:hunter2@r.example/x' }, 'body/image: "https://***@r.example/x" is not an image'],
    [{ platforms: ['linux'] }, 'body/platforms/0: "linux" must be os/arch'],
    [{ function: 'Hello' }, 'body/function: "Hello" must be name or namespace/name'],
    [{ labels: { '-a': 'b' } }, 'body/labels/-a: "-a" must be 1 to 63'],
    [{ labels: { a: 'b c' } }, 'body/labels/a: "b c" must be up to 128'],
    [{ build_args: { '1A': 'b' } }, 'body/build_args/1A: "1A" must be letters'],
    [
      { callback: { url: 'ftp://u:hunter2@h/x' } },
      'body/callback/url: "ftp://***@h/x" must be an http or https',
    ],
    [{ timeout: 0 }, 'body/timeout: Too small: expected number to be >=1: 0'],
  ])('is refused with the wrong value: %j', (changes, detail) => {
    const body = { image: 'r.example/a:1', source: { digest: `sha256:${'0'.repeat(64)}` }, ...changes };
    expect(() => validate(jobRequestSchema, body, 'body')).toThrow(detail);
  });

  it.each([
    [{ callback: { url: 'https://h', secret: 'hunter2' } }],
    [{ secrets: ['hunter2'] }],
    [{ build_args: { TOKEN: ['hunter2'] } }],
    [{ build_args: { A: `hunter2${'x'.repeat(40_000)}` } }],
  ])('is refused without a value that may be secret: %#', (changes) => {
    const body = { image: 'r.example/a:1', source: { digest: `sha256:${'0'.repeat(64)}` }, ...changes };
    expect(() => validate(jobRequestSchema, body, 'body')).toThrow(/^(?!.*hunter2)body/s);
  });

  it('is refused by another operation as well', () => {
    const text = '{"image":"r.example/a:1","build_args":{"__proto__":"x"}}';
    expect(() => validate(jobRequestSchema, JSON.parse(text), 'body')).toThrow('body/build_args/__proto__');
  });
});
