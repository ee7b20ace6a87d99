import { describe, expect, it } from 'vitest';
import { readAnswer, type WebhookFormat } from './formats.js';
import {
  build,
  circuit,
  formatInput,
  jobMessage,
  requestOf,
  sha,
  supportedBy,
  tokenUnknown,
  withoutToken,
} from './testing/messages.js';

const format: WebhookFormat = { type: 'gitlab_commit_status', token: 'bot' };

describe('gitlab_commit_status', () => {
  it('posts to the commit of the project, whose path is one segment', () => {
    const message = jobMessage('running', { vcs: { repo: 'group/sub/shop', sha } });
    const input = formatInput(format, message, { publicUrl: 'https://slipway.example' });
    expect(requestOf(input)).toEqual({
      url: `https://ci.example/api/v4/projects/group%2Fsub%2Fshop/statuses/${sha}`,
      headers: { 'content-type': 'application/json', 'private-token': 'hush' },
      body: {
        state: 'running',
        name: 'slipway/openfaas-fn/greet',
        description: 'Building',
        target_url: `https://slipway.example/jobs/job_${'1'.repeat(26)}`,
      },
      token: { reveal: expect.any(Function) },
    });
  });

  it.each([
    ['queued', 'pending'],
    ['succeeded', 'success'],
    ['failed', 'failed'],
    ['canceled', 'canceled'],
  ] as const)('of a %s job is %s', (state, expected) => {
    expect(requestOf(formatInput(format, jobMessage(state))).body.state).toBe(expected);
  });

  it('leaves out a link that GitLab would refuse for its length', () => {
    const input = formatInput(format, jobMessage('queued'), {
      publicUrl: `https://slipway.example/${'x'.repeat(240)}`,
    });
    expect(requestOf(input).body).not.toHaveProperty('target_url');
  });

  it('supports jobs with a commit only', () => {
    expect(supportedBy(format)).toEqual(['a job with a commit']);
    expect(build(formatInput(format, circuit))).toEqual({ skip: 'no_commit' });
  });

  it('fails without the token', () => {
    expect(withoutToken(format)).toEqual(tokenUnknown);
  });

  it('takes the refusal of a status that the commit has already for a delivery', () => {
    const response = '{"message":"Cannot transition status via :run from :running (Reason(s): …)"}';
    const answer = { status: 400, headers: {}, response };
    expect(readAnswer('gitlab_commit_status', answer, 0)).toEqual({ kind: 'delivered' });
    expect(readAnswer('gitlab_pipeline', answer, 0)).toEqual({ kind: 'final', reason: 'refused_400' });
  });
});
