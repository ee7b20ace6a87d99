import { describe, expect, it } from 'vitest';
import { readAnswer } from './formats.js';

const now = 1_700_000_000_000;
const read = (
  format: Parameters<typeof readAnswer>[0],
  status: number,
  headers: Record<string, string> = {},
  response = '',
) => readAnswer(format, { status, headers, response }, now);

describe('an answer that is not a 2xx', () => {
  it.each([400, 401, 403, 404, 422])('%d of an API is final', (status) => {
    for (const format of [
      'github_commit_status',
      'github_dispatch',
      'gitlab_commit_status',
      'gitlab_pipeline',
    ] as const) {
      expect(read(format, status)).toEqual({ kind: 'final', reason: `refused_${status}` });
    }
    for (const format of ['standard', 'jenkins'] as const) {
      expect(read(format, status)).toEqual({ kind: 'retry' });
    }
  });

  it.each([302, 408, 409, 429, 500, 502, 503])('%d is tried again', (status) => {
    expect(read('gitlab_pipeline', status).kind).toBe('retry');
    expect(read('github_dispatch', status).kind).toBe('retry');
  });

  it.each([403, 429])('%d of GitHub for its rate limit is tried again when it says so', (status) => {
    const github = (headers: Record<string, string>, response = '') =>
      read('github_commit_status', status, headers, response);
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

  it('of GitLab for a status that the commit has already is a delivery', () => {
    const response = '{"message":"Cannot transition status via :run from :running (Reason(s): …)"}';
    expect(read('gitlab_commit_status', 400, {}, response)).toEqual({ kind: 'delivered' });
    expect(read('gitlab_pipeline', 400, {}, response)).toEqual({ kind: 'final', reason: 'refused_400' });
  });
});
