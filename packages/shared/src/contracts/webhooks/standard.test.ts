import { describe, expect, it } from 'vitest';
import type { WebhookFormat } from './formats.js';
import { build, formatInput, jobMessage, supportedBy } from './testing/messages.js';

const format: WebhookFormat = { type: 'standard' };

describe('standard', () => {
  it('sends the body as it was written', () => {
    const input = formatInput(format, jobMessage('succeeded'), { body: '{"as": "written"}' });
    expect(build(input)).toEqual({
      url: 'https://ci.example',
      headers: { 'content-type': 'application/json' },
      body: '{"as": "written"}',
      token: undefined,
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
});
