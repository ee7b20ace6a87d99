import { endpointPatchSchema, jobRequestSchema } from '@slipway/shared/contracts';
import { describe, expect, it } from 'vitest';
import { validate } from './validate.js';

describe('a body', () => {
  it.each([
    ['{"labels":{"__proto__":"x"}}', '/labels/__proto__'],
    ['{"enabled":true,"__proto__":{}}', '/__proto__'],
    ['{"labels":{"a":"b"},"format":{"type":"standard","__proto__":1}}', '/format/__proto__'],
  ])('with a key that the document forbids is refused: %s', (text, path) => {
    expect(() => validate(endpointPatchSchema, JSON.parse(text), 'body')).toThrow(
      expect.objectContaining({ code: 'request_invalid', errors: [expect.objectContaining({ path })] }),
    );
  });

  it('of another operation is refused for it as well', () => {
    const text = '{"image":"r.example/a:1","build_args":{"__proto__":"x"}}';
    expect(() => validate(jobRequestSchema, JSON.parse(text), 'body')).toThrow('body/build_args/__proto__');
  });
});
