import { describe, expect, it } from 'vitest';
import { statusName } from './commit-status.js';
import { jobMessage } from './testing/messages.js';

const nameOf = (name: string, max: number) => statusName(jobMessage('queued', {}, { function: name }), max);

describe('the name of a status', () => {
  it('that fits stays as it is', () => {
    expect(nameOf('openfaas-fn/greet', 25)).toBe('slipway/openfaas-fn/greet');
  });

  it('that is too long has the maximum length and ends with a hash of the whole name', () => {
    const name = nameOf(`openfaas-fn/${'a'.repeat(50)}-1`, 40);
    expect(name).toMatch(/^slipway\/openfaas-fn\/aaa-[0-9a-f]{16}$/);
    expect(name).toHaveLength(40);
    expect(nameOf(`openfaas-fn/${'a'.repeat(50)}-1`, 40)).toBe(name);
    expect(nameOf(`openfaas-fn/${'a'.repeat(50)}-2`, 40)).not.toBe(name);
  });
});
