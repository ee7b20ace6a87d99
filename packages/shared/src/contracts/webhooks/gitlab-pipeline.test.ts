import { describe, expect, it } from 'vitest';
import type { WebhookFormat } from './formats.js';
import {
  batchFinished,
  formatInput,
  jobMessage,
  requestOf,
  sha,
  supportedBy,
  tokenUnknown,
  withoutToken,
} from './testing/messages.js';

const format: WebhookFormat = { type: 'gitlab_pipeline', token: 'bot', project: 'a/b', ref: 'main' };

describe('gitlab_pipeline', () => {
  it('triggers the format of a branch with the fields as variables', () => {
    const input = formatInput(
      format,
      jobMessage('failed', { code: 'build_failed', detail: '$CI_JOB_TOKEN' }),
    );
    expect(requestOf(input)).toEqual({
      url: 'https://ci.example/api/v4/projects/a%2Fb/trigger/pipeline',
      headers: { 'content-type': 'application/json' },
      body: {
        token: 'hush',
        ref: 'main',
        variables: {
          SLIPWAY_MESSAGE_ID: 'msg_1',
          SLIPWAY_TYPE: 'job.failed',
          SLIPWAY_TIMESTAMP: '2026-01-02T03:04:05.000Z',
          SLIPWAY_SEQUENCE: '3',
          SLIPWAY_URL: `/v1/jobs/job_${'1'.repeat(26)}`,
          SLIPWAY_STATE: 'failed',
          SLIPWAY_JOB_ID: `job_${'1'.repeat(26)}`,
          SLIPWAY_FUNCTION: 'openfaas-fn/greet',
          SLIPWAY_IMAGE: 'registry.example:5000/team/greet:1',
          SLIPWAY_CODE: 'build_failed',
          SLIPWAY_REPO: 'acme/shop',
          SLIPWAY_SHA: sha,
        },
      },
      token: { reveal: expect.any(Function) },
    });
  });

  it('has only text in its variables, of a batch too', () => {
    const { variables } = requestOf(formatInput(format, batchFinished)).body;
    expect(variables).toMatchObject({ SLIPWAY_STATE: 'failed', SLIPWAY_TOTAL: '3', SLIPWAY_SUCCEEDED: '2' });
    expect(Object.values(variables as object).every((value) => typeof value === 'string')).toBe(true);
  });

  it('supports every message', () => {
    expect(supportedBy(format)).toEqual([
      'a job with a commit',
      'a job without a commit',
      'a batch',
      'a builder',
      'a base image',
    ]);
  });

  it('fails without the token', () => {
    expect(withoutToken(format)).toEqual(tokenUnknown);
  });
});
