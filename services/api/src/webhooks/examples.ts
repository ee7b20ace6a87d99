import { type Example, exampleIds, type ResourceExamples } from '../openapi/example.js';

const url = 'https://ci.example.com/hooks/slipway';
const secret = 'whsec_kM0pVb3n8XqYz5cT1rWd7uGfJ2hL9sAe4oQiRtEyUxw=';
const request: Example = {
  name: 'WebhookForCi',
  summary: 'Report jobs of one team that have ended',
  value: {
    url,
    description: 'CI of the payments team',
    events: ['job.succeeded', 'job.failed'],
    labels: { team: 'payments' },
  },
};
const commitStatus: Example = {
  name: 'WebhookForGithub',
  summary: 'Set the status of commits on GitHub',
  value: {
    url: 'https://api.github.com',
    format: { type: 'github_commit_status', token: 'github-payments', context: 'slipway' },
  },
};
const record = {
  id: exampleIds.webhook,
  url,
  description: 'CI of the payments team',
  events: ['job.succeeded', 'job.failed'],
  labels: { team: 'payments' },
  format: { type: 'standard' },
  max_in_flight: 10,
  enabled: true,
  created_at: '2026-05-12T14:03:27.880Z',
  updated_at: '2026-05-12T14:03:27.880Z',
};
const webhook: Example = { name: 'Webhook', summary: 'An endpoint', value: record };
const created: Example = {
  name: 'CreatedWebhook',
  summary: 'The secret is shown this once',
  value: { ...record, secret },
};
const page: Example = { name: 'WebhookPage', summary: 'The last page', value: { webhooks: [record] } };
const patch: Example = {
  name: 'SwitchWebhookOn',
  summary: 'Send messages again',
  value: { enabled: true },
};
const rotation: Example = {
  name: 'NewSecret',
  summary: 'Slipway makes the new secret',
  value: {},
};
const rotated: Example = {
  name: 'RotatedWebhook',
  summary: 'Messages are signed with both secrets until `rotating_until`',
  value: { ...record, rotating_until: '2026-05-18T09:00:00.000Z', secret },
};
const recovery: Example = {
  name: 'RecoverSince',
  summary: 'Send messages again that failed since then',
  value: { since: '2026-05-17T06:00:00Z' },
};
const recovered: Example = {
  name: 'Recovered',
  summary: 'The number of messages that are sent again',
  value: { recovered: 12 },
};

const attempt = { number: 1, at: '2026-05-17T08:58:55.020Z', duration_ms: 84, status: 204 };
const summary = {
  id: exampleIds.delivery,
  state: 'delivered',
  webhook: exampleIds.webhook,
  url,
  type: 'job.succeeded',
  message_id: `msg_${exampleIds.job}_3`,
  job: exampleIds.job,
  created_at: '2026-05-17T08:58:54.731Z',
  finished_at: '2026-05-17T08:58:55.104Z',
  attempts: [attempt],
};
const message = (type: string, data: object) => ({
  type,
  api_version: 'v1',
  timestamp: '2026-05-17T08:58:54.730Z',
  data,
});
const jobMessage = message('job.succeeded', {
  sequence: 3,
  url: `https://slipway.example.com/v1/jobs/${exampleIds.job}`,
  job: {
    id: exampleIds.job,
    state: 'succeeded',
    function: 'openfaas-fn/orders',
    image: 'registry.example.com/payments/orders:1.4.2',
    version: 3,
  },
  digest: exampleIds.image,
  labels: { team: 'payments' },
});
const delivery: Example = {
  name: 'Delivery',
  summary: 'A message that arrived at the first attempt',
  value: { ...summary, attempts: [{ ...attempt, response: '' }], request: JSON.stringify(jobMessage) },
};
const testMessage = message('webhook.test', {
  sequence: 0,
  url: `https://slipway.example.com/v1/webhooks/${exampleIds.webhook}`,
  webhook: { id: exampleIds.webhook, url },
});
const pending: Example = {
  name: 'PendingDelivery',
  summary: 'A message that is sent now',
  value: {
    id: exampleIds.delivery,
    state: 'pending',
    webhook: exampleIds.webhook,
    url,
    type: 'webhook.test',
    message_id: 'msg_test_01kd3vb2f4g6h8j0k1m3n5p7q9',
    created_at: '2026-05-17T09:00:00.000Z',
    next_attempt_at: '2026-05-17T09:00:00.000Z',
    attempts: [],
    request: JSON.stringify(testMessage),
  },
};
const deliveries: Example = {
  name: 'DeliveryPage',
  summary: 'The last page',
  value: { deliveries: [summary] },
};

export const webhookExamples: ResourceExamples = {
  createWebhook: { request: [request, commitStatus], 201: [created] },
  listWebhooks: { 200: [page] },
  getWebhook: { 200: [webhook] },
  updateWebhook: { request: [patch], 200: [webhook] },
  rotateWebhookSecret: { request: [rotation], 200: [rotated] },
  testWebhook: { 202: [pending] },
  listWebhookDeliveries: { 200: [deliveries] },
  recoverWebhook: { request: [recovery], 202: [recovered] },
  listDeliveries: { 200: [deliveries] },
  getDelivery: { 200: [delivery] },
  redeliver: { 202: [pending] },
};

/** Examples of messages, by the receiving operation. */
export const messageExamples: ResourceExamples = {
  receiveJobMessage: {
    request: [{ name: 'JobMessage', summary: 'A job has succeeded', value: jobMessage }],
  },
  receiveBatchMessage: {
    request: [
      {
        name: 'BatchMessage',
        summary: 'A batch has ended, with one failure',
        value: message('batch.finished', {
          sequence: 7,
          url: `https://slipway.example.com/v1/batches/${exampleIds.batch}`,
          batch: {
            id: exampleIds.batch,
            total: 2,
            counts: { queued: 0, running: 0, succeeded: 1, failed: 1, canceled: 0 },
            labels: { release: '1.4.2' },
          },
          failures: [
            {
              id: exampleIds.failedJob,
              image: 'registry.example.com/payments/refunds:1.4.2',
              function: 'openfaas-fn/refunds',
              code: 'build_failed',
            },
          ],
        }),
      },
    ],
  },
  receiveBuilderMessage: {
    request: [
      {
        name: 'BuilderMessage',
        summary: 'A builder gets no builds for a while',
        value: message('builder.circuit_opened', {
          sequence: 2,
          url: 'https://slipway.example.com/v1/builders',
          builder: { id: exampleIds.builder, url: 'http://builder-2:8081' },
        }),
      },
    ],
  },
  receiveBaseImageMessage: {
    request: [
      {
        name: 'BaseImageMessage',
        summary: 'A base image was pushed again',
        value: message('base_image.changed', {
          sequence: 3,
          url: 'https://slipway.example.com/v1/base-images?base_image=docker.io%2Flibrary%2Fnode%3A22-alpine',
          base_image: {
            reference: 'docker.io/library/node:22-alpine',
            digest: `sha256:${'7'.repeat(64)}`,
            previous_digest: `sha256:${'3'.repeat(64)}`,
            functions: 41,
            behind: 41,
          },
        }),
      },
    ],
  },
  receiveWebhookMessage: {
    request: [{ name: 'WebhookMessage', summary: 'A test', value: testMessage }],
  },
};
