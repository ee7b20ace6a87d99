import { jobSpecSchema } from '@slipway/shared/contracts';
import { describe, expect, it } from 'vitest';
import { causeOf } from './cause.js';

const failure = (name: string, log_tail: readonly string[], detail = 'step 2 ended with 1') => ({
  spec: jobSpecSchema.parse({
    image: `r.example/team/${name}:1`,
    function: `dev/${name}`,
    source: { digest: `sha256:${'a'.repeat(64)}` },
  }),
  error: { code: 'build_failed' as const, detail, log_tail: [...log_tail] },
});

describe('the cause of a failure', () => {
  it('is the last line of output, without states of steps, prefixes and colours', () => {
    const tail = [
      'l: first',
      '\u001b[31ms: no such module\u001b[0m',
      'v: 2026-01-01T00:00:00Z ERROR [2/2] RUN x',
      '',
    ];
    expect(
      causeOf(failure('a', ['l: first', 's: \u001b[31mno such module\u001b[0m', ...tail.slice(2)])).lastLine,
    ).toBe('no such module');
  });

  it('is the same for lines that differ by numbers, digests and names of the job', () => {
    const line = (name: string, ms: number, hash: string) => [
      `l: r.example/team/${name}:1 (${name}) failed after ${ms} ms at ${hash}`,
    ];
    const one = causeOf(failure('cart', line('cart', 12, 'deadbeef01')));
    expect(causeOf(failure('orders', line('orders', 2_500, '0123456789abcdef'))).id).toBe(one.id);
    expect(causeOf(failure('orders', ['l: out of memory'])).id).not.toBe(one.id);
  });

  it('is the detail when the log has no output, and depends on the code', () => {
    const silent = failure('a', [], 'The builder reached its limit of 10 minutes.');
    const { id, lastLine } = causeOf(silent);
    expect(lastLine).toBeUndefined();
    expect(causeOf({ ...silent, error: { ...silent.error, code: 'timed_out' as const } }).id).not.toBe(id);
    expect(causeOf({ ...silent, error: undefined }).id).not.toBe(id);
  });
});
