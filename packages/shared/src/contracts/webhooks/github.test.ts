import { describe, expect, it } from 'vitest';
import { readAnswer } from './formats.js';

const now = 1_700_000_000_000;

describe.each(['github_commit_status', 'github_dispatch'] as const)('an answer to %s', (type) => {
  it.each([403, 429])('%d for the rate limit is tried again at the time that it names', (status) => {
    const github = (headers: Record<string, string>, response = '') =>
      readAnswer(type, { status, headers, response }, now);
    const reset = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now / 1_000 + 90) };
    expect(github(reset)).toEqual({ kind: 'retry', notBefore: now + 90_000 });
    expect(github({ 'retry-after': '30' })).toEqual({ kind: 'retry' });
    expect(github({}, 'You have exceeded a secondary rate limit.')).toEqual({
      kind: 'retry',
      notBefore: now + 60_000,
    });
    expect(github({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'x' })).toEqual({
      kind: 'retry',
      notBefore: now + 60_000,
    });
  });
});
