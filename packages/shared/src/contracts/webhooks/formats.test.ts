import { describe, expect, it } from 'vitest';
import { readAnswer, webhookFormats } from './formats.js';

describe('the settings of formats', () => {
  it('share an option of the CLI only with the same help', () => {
    const options = new Map<string, object>();
    for (const { fields } of webhookFormats) {
      for (const { option, value, help, label } of Object.values(fields)) {
        expect(options.get(option) ?? { value, help, label }).toEqual({ value, help, label });
        options.set(option, { value, help, label });
      }
    }
    expect(options.size).toBeGreaterThan(0);
  });

  it('of an API name a token', () => {
    const withToken = webhookFormats.filter(({ fields }) => fields.token?.required);
    expect(withToken).toEqual(webhookFormats.filter(({ target }) => target === 'api'));
  });
});

describe.each(webhookFormats)('an answer to $type that is not a 2xx', ({ type, target }) => {
  const read = (status: number) => readAnswer(type, { status, headers: {}, response: '' }, 0);

  it.each([400, 401, 403, 404, 422])('%d is final if it is of an API', (status) => {
    const final = { kind: 'final', reason: `refused_${status}` };
    expect(read(status)).toEqual(target === 'api' ? final : { kind: 'retry' });
  });

  it.each([302, 408, 409, 429, 500, 502, 503])('%d is tried again', (status) => {
    expect(read(status).kind).toBe('retry');
  });
});
