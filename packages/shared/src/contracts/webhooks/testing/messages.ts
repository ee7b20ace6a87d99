import type { JobState } from '../../names.js';
import type { BatchMessage, JobMessage, Message } from '../../webhook-message.js';
import type { FormatInput, FormatRequest } from '../format.js';
import { type WebhookFormat, webhookFormat } from '../formats.js';

export const sha = 'a94a8fe5ccb19ba61c4c0873d391e987982fbbd3';
export const digest = `sha256:${'5'.repeat(64)}`;

/** Returns the message of a job in a state, as fan-out makes it. */
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

export const batchFinished: BatchMessage = {
  api_version: 'v1',
  type: 'batch.finished',
  timestamp: '2026-01-02T03:04:05.000Z',
  data: {
    sequence: 1,
    url: `/v1/batches/batch_${'1'.repeat(26)}`,
    batch: {
      id: `batch_${'1'.repeat(26)}`,
      total: 3,
      counts: { queued: 0, running: 0, succeeded: 2, failed: 1, canceled: 0 },
      labels: {},
    },
    failures: [],
  },
};

export const circuit: Message = {
  api_version: 'v1',
  type: 'builder.circuit_opened',
  timestamp: '2026-01-02T03:04:05.000Z',
  data: { sequence: 1, url: '/v1/builders/rep_1', builder: { id: 'rep_1', url: 'http://b:8081' } },
};

const baseChanged: Message = {
  api_version: 'v1',
  type: 'base_image.changed',
  timestamp: '2026-01-02T03:04:05.000Z',
  data: {
    sequence: 1,
    url: '/v1/base-images?base_image=docker.io%2Flibrary%2Fnode%3A22',
    base_image: { reference: 'docker.io/library/node:22', digest, functions: 3, behind: 2 },
  },
};

type Input = FormatInput<WebhookFormat>;

export const formatInput = (
  format: WebhookFormat,
  message: FormatInput['message'],
  changes: Partial<Input> = {},
): Input => ({
  format,
  url: 'https://ci.example',
  message,
  body: JSON.stringify(message),
  messageId: 'msg_1',
  publicUrl: undefined,
  token: (name) => (name === 'bot' ? { reveal: () => 'hush' } : undefined),
  isUserFault: (code) => code === 'build_failed',
  ...changes,
});

export const build = (input: Input) => webhookFormat(input.format.type).request(input);

/** Returns the request of a message, which the test expects to exist. */
export function requestOf(input: Input): Omit<FormatRequest, 'body'> & { body: Record<string, unknown> } {
  const built = build(input);
  if (!('url' in built)) throw new Error(`no request: ${JSON.stringify(built)}`);
  return { ...built, body: JSON.parse(built.body) as Record<string, unknown> };
}

export const supports = (format: WebhookFormat, message: Message) =>
  webhookFormat(format.type).supports(message, format);

/** Returns the kinds of messages that a format supports. */
export function supportedBy(format: WebhookFormat): string[] {
  const job = jobMessage('queued');
  const { vcs: _vcs, ...data } = job.data;
  const messages: [kind: string, message: Message][] = [
    ['a job with a commit', job],
    ['a job without a commit', { ...job, data }],
    ['a batch', batchFinished],
    ['a builder', circuit],
    ['a base image', baseChanged],
  ];
  return messages.filter(([, message]) => supports(format, message)).map(([kind]) => kind);
}

/** Returns the result of a request whose token is not configured. */
export const withoutToken = (format: WebhookFormat) =>
  build(formatInput(format, jobMessage('succeeded'), { token: () => undefined }));
export const tokenUnknown = {
  fail: 'token_unknown',
  detail: 'WEBHOOK_TOKENS has no bot for https://ci.example',
};
