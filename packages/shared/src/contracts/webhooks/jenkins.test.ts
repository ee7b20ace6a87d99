import { describe, expect, it } from 'vitest';
import type { WebhookFormat } from './formats.js';
import {
  circuit,
  digest,
  formatInput,
  jobMessage,
  requestOf,
  sha,
  supportedBy,
  tokenUnknown,
  withoutToken,
} from './testing/messages.js';

const format: WebhookFormat = { type: 'jenkins' };

describe('jenkins', () => {
  it('sends the message with flat copies of its fields, with the token in the header', () => {
    const message = jobMessage('succeeded');
    const request = requestOf(formatInput({ ...format, token: 'bot' }, message));
    expect(request).toMatchObject({
      url: 'https://ci.example',
      headers: { 'content-type': 'application/json', token: 'hush' },
    });
    expect(request.body).toEqual({
      ...message,
      message_id: 'msg_1',
      sequence: 3,
      url: message.data.url,
      state: 'succeeded',
      job_id: message.data.job.id,
      function: 'openfaas-fn/greet',
      image: message.data.job.image,
      digest,
      repo: 'acme/shop',
      sha,
    });
  });

  it('needs no token', () => {
    expect(requestOf(formatInput(format, circuit))).toMatchObject({
      headers: { 'content-type': 'application/json' },
      body: { type: 'builder.circuit_opened', builder_id: 'rep_1' },
    });
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

  it('fails without the token that it names', () => {
    expect(withoutToken({ ...format, token: 'bot' })).toEqual(tokenUnknown);
  });
});
