import { describe, expect, it } from 'vitest';
import type { WebhookFormat } from './formats.js';
import {
  build,
  circuit,
  digest,
  formatInput,
  jobMessage,
  requestOf,
  sha,
  supportedBy,
  supports,
  tokenUnknown,
  withoutToken,
} from './testing/messages.js';

const format: WebhookFormat = { type: 'github_commit_status', token: 'bot' };

describe('github_commit_status', () => {
  it('posts to the commit, as the REST API asks', () => {
    expect(
      requestOf(formatInput(format, jobMessage('succeeded'), { publicUrl: 'https://slipway.example/x/' })),
    ).toEqual({
      url: `https://ci.example/repos/acme/shop/statuses/${sha}`,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: 'Bearer hush',
        'content-type': 'application/json',
        'x-github-api-version': '2022-11-28',
      },
      body: {
        state: 'success',
        context: 'slipway/openfaas-fn/greet',
        description: `Built ${digest.slice(0, 19)}`,
        target_url: `https://slipway.example/x/jobs/job_${'1'.repeat(26)}`,
      },
      token: { reveal: expect.any(Function) },
    });
  });

  it.each([
    ['queued', undefined, 'pending', 'Waiting to be built'],
    ['running', undefined, 'pending', 'Building'],
    ['failed', 'build_failed', 'failure', 'build_failed: step 3'],
    ['failed', 'registry_unreachable', 'error', 'registry_unreachable: step 3'],
    ['failed', 'of_a_later_version', 'error', 'of_a_later_version: step 3'],
    ['canceled', 'superseded', 'error', 'Canceled: superseded: step 3'],
    ['canceled', 'canceled', 'error', 'Canceled: step 3'],
  ] as const)('of a %s job with %s is %s', (state, code, expected, description) => {
    const message = jobMessage(state, code && { code, detail: 'step 3' });
    expect(requestOf(formatInput(format, message)).body).toEqual({
      state: expected,
      context: 'slipway/openfaas-fn/greet',
      description,
    });
  });

  it('keeps the description to 140 characters of one line, none of them of four bytes', () => {
    const detail = `line 1\nline\u00002 🔥 ${'x'.repeat(300)}`;
    const { description } = requestOf(
      formatInput(format, jobMessage('failed', { code: 'build_failed', detail })),
    ).body;
    expect(description).toMatch(/^build_failed: line 1 line 2 \ufffd x+…$/);
    expect(description).toHaveLength(140);
  });

  it('names the status after the image where there is no function, or as the endpoint says', () => {
    const { function: _function, ...job } = jobMessage('queued').data.job;
    const unnamed = { ...jobMessage('queued'), data: { ...jobMessage('queued').data, job } };
    expect(requestOf(formatInput(format, unnamed)).body.context).toBe('slipway/team/greet');
    expect(requestOf(formatInput({ ...format, context: 'images' }, unnamed)).body.context).toBe('images');
  });

  it('keeps the path of an API that has one (GitHub Enterprise Server)', () => {
    const input = formatInput(format, jobMessage('queued'), { url: 'https://ci.example/api/v3/?a=1#b' });
    expect(requestOf(input).url).toBe(`https://ci.example/api/v3/repos/acme/shop/statuses/${sha}`);
  });

  it.each(['../user', 'acme/..', './x', 'group/sub/name'])('says nothing of a commit of %s', (repo) => {
    const message = jobMessage('queued', { vcs: { repo, sha } });
    expect(supports(format, message)).toBe(false);
    expect(build(formatInput(format, message))).toEqual({ skip: 'no_commit' });
  });

  it('supports jobs with a commit only', () => {
    expect(supportedBy(format)).toEqual(['a job with a commit']);
    expect(build(formatInput(format, circuit))).toEqual({ skip: 'no_commit' });
  });

  it('fails without the token', () => {
    expect(withoutToken(format)).toEqual(tokenUnknown);
  });
});
