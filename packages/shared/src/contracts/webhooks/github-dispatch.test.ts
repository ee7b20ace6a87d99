import { describe, expect, it } from 'vitest';
import type { WebhookFormat } from './formats.js';
import {
  batchFinished,
  build,
  circuit,
  formatInput,
  jobMessage,
  requestOf,
  supportedBy,
  tokenUnknown,
  withoutToken,
} from './testing/messages.js';

const format: WebhookFormat = { type: 'github_dispatch', token: 'bot', event_type: 'built' };

describe('github_dispatch', () => {
  it('sends the message as the client payload, within ten properties', () => {
    const message = jobMessage('succeeded');
    const { url, body } = requestOf(formatInput(format, message));
    expect(url).toBe('https://ci.example/repos/acme/shop/dispatches');
    expect(body).toEqual({ event_type: 'built', client_payload: { message_id: 'msg_1', ...message } });
    expect(Object.keys(body.client_payload as object).length).toBeLessThanOrEqual(10);
  });

  it('goes to the repository that the endpoint names, for batches too', () => {
    const named = { ...format, repo: 'acme/deploy' };
    expect(requestOf(formatInput(named, jobMessage('succeeded'))).url).toMatch(/\/repos\/acme\/deploy\//);
    expect(requestOf(formatInput(named, batchFinished)).url).toMatch(/\/repos\/acme\/deploy\//);
    expect(build(formatInput(format, batchFinished))).toEqual({ skip: 'no_repository' });
  });

  it('supports jobs with a repository, or every message if the endpoint names one', () => {
    expect(supportedBy(format)).toEqual(['a job with a commit']);
    expect(supportedBy({ ...format, repo: 'a/b' })).toEqual([
      'a job with a commit',
      'a job without a commit',
      'a batch',
      'a builder',
      'a base image',
    ]);
    expect(build(formatInput(format, circuit))).toEqual({ skip: 'no_repository' });
  });

  it('fails without the token', () => {
    expect(withoutToken(format)).toEqual(tokenUnknown);
  });
});
