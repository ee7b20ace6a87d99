import type { JobMessage, JobState, WebhookFormat } from '@slipway/shared/contracts';
import { buildRequest } from './build-request.js';
import type { FormatInput, FormatRequest } from './request.js';
import { parseWebhookTokens } from './tokens.js';

export const sha = 'a94a8fe5ccb19ba61c4c0873d391e987982fbbd3';
export const digest = `sha256:${'5'.repeat(64)}`;

/** The message of a job in a state, as fan-out makes it. */
export function jobMessage(
  state: JobState,
  data: Partial<JobMessage['data']> = {},
  job: Partial<JobMessage['data']['job']> = {},
): JobMessage {
  const versions = { queued: 1, running: 2, succeeded: 3, failed: 3, canceled: 3 };
  const id = `job_${'1'.repeat(26)}`;
  return {
    api_version: 'v1',
    type: state === 'running' ? 'job.started' : `job.${state}`,
    timestamp: '2026-01-02T03:04:05.000Z',
    data: {
      sequence: versions[state],
      url: `/v1/jobs/${id}`,
      job: {
        id,
        state,
        function: 'openfaas-fn/greet',
        image: 'registry.example:5000/team/greet:1',
        version: versions[state],
        ...job,
      },
      vcs: { repo: 'acme/shop', sha },
      labels: {},
      ...(state === 'succeeded' && { digest }),
      ...data,
    },
  };
}

export const formatInput = (
  format: WebhookFormat,
  message: FormatInput['message'],
  changes: Partial<FormatInput> = {},
): FormatInput => ({
  format,
  url: 'https://ci.example',
  message,
  body: JSON.stringify(message),
  messageId: 'msg_1',
  tenant: 'default',
  tokens: parseWebhookTokens('bot@ci.example=hush'),
  publicUrl: undefined,
  ...changes,
});

/** The request that is made, which a test expects there to be. */
export function requestOf(
  input: FormatInput,
): Omit<FormatRequest, 'body'> & { body: Record<string, unknown> } {
  const built = buildRequest(input);
  if (!('url' in built)) throw new Error(`no request: ${JSON.stringify(built)}`);
  return { ...built, body: JSON.parse(built.body) as Record<string, unknown> };
}
