import { jobPage } from '../jobs/examples.js';
import { type Example, eventStream, exampleIds, type ResourceExamples } from '../openapi/example.js';

const images = ['registry.example.com/payments/orders:1.4.2', 'registry.example.com/payments/refunds:1.4.2'];
const request: Example = {
  name: 'BatchOfFunctions',
  summary: 'Two functions of one repository, four builds at once',
  value: {
    defaults: {
      source: { git: { url: 'https://git.example.com/payments/functions.git', ref: 'v1.4.2' } },
      labels: { release: '1.4.2' },
    },
    items: [
      { image: images[0], function: 'openfaas-fn/orders', dockerfile: 'orders/Dockerfile' },
      { image: images[1], function: 'openfaas-fn/refunds', dockerfile: 'refunds/Dockerfile' },
    ],
    max_running: 4,
    callback: { url: 'https://ci.example.com/hooks/slipway' },
  },
};
const plan: Example = {
  name: 'BatchPlan',
  summary: 'Plan of a dry run: all jobs fit, none was submitted',
  value: {
    total: 2,
    items: [
      { image: images[0], function: 'openfaas-fn/orders', source: exampleIds.source },
      { image: images[1], function: 'openfaas-fn/refunds', source: exampleIds.source },
    ],
  },
};

const none = { queued: 0, running: 0, succeeded: 0, failed: 0, canceled: 0 };
const common = {
  id: exampleIds.batch,
  total: 2,
  on_failure: 'continue',
  max_running: 4,
  labels: { release: '1.4.2' },
  callback: { url: 'https://ci.example.com/hooks/slipway' },
  created_at: '2026-05-17T08:58:11.204Z',
};
const finished = {
  ...common,
  state: 'finished',
  counts: { ...none, succeeded: 1, failed: 1 },
  finished_at: '2026-05-17T08:59:40.317Z',
};
const submitted = { ...common, state: 'running', counts: { ...none, queued: 2 } };

export const submittedBatch: Example = {
  name: 'SubmittedBatch',
  summary: 'All its jobs wait',
  value: submitted,
};
const finishedBatch: Example = {
  name: 'FinishedBatch',
  summary: 'All its jobs have ended, one of them with a failure',
  value: finished,
};
const stoppingBatch: Example = {
  name: 'StoppingBatch',
  summary: 'Waiting jobs are canceled, running builds are stopped',
  value: { ...common, state: 'stopping', counts: { ...none, running: 1, canceled: 1 } },
};
const failures: Example = {
  name: 'BatchFailures',
  summary: 'Two functions failed with one cause',
  value: {
    failed: 2,
    groups: [
      {
        cause: '5c0f3b9ad1e2',
        code: 'build_failed',
        detail: 'process "/bin/sh -c npm ci" did not complete successfully: exit code: 1',
        last_line: 'npm error 404 Not Found - GET https://registry.example.com/left-pad',
        count: 2,
        jobs: images.map((image, at) => ({
          id: exampleIds.job.slice(0, -1) + at,
          image,
          function: `openfaas-fn/${at === 0 ? 'orders' : 'refunds'}`,
        })),
      },
    ],
  },
};
const retry: Example = {
  name: 'RetryOfFailures',
  summary: 'Repeat the jobs that did not succeed',
  value: { which: 'failed' },
};
const retried: Example = {
  name: 'RetriedBatch',
  summary: 'The new batch, with the job that failed before',
  value: {
    ...common,
    id: exampleIds.retriedBatch,
    state: 'running',
    total: 1,
    counts: { ...none, queued: 1 },
    retry_of: exampleIds.batch,
    created_at: '2026-05-17T09:12:40.551Z',
  },
};
const page: Example = { name: 'BatchPage', summary: 'The last page', value: { batches: [finished] } };
const events: Example = {
  name: 'BatchEvents',
  summary: 'The current batch, a job that ended, and the end of the batch',
  type: 'text/event-stream',
  value: eventStream(
    { event: 'batch', data: submitted },
    {
      id: '1779008334730-0',
      event: 'job',
      data: {
        id: exampleIds.job,
        state: 'succeeded',
        version: 3,
        at: '2026-05-17T08:58:54.730Z',
        image: images[0],
        function: 'openfaas-fn/orders',
        digest: exampleIds.image,
      },
    },
    { id: '1779008380317-0', event: 'batch.finished', data: finished },
  ),
};

export const batchExamples: ResourceExamples = {
  submitBatch: { request: [request], 200: [plan], 202: [submittedBatch] },
  listBatches: { 200: [page] },
  getBatch: { 200: [finishedBatch] },
  listBatchJobs: { 200: [jobPage] },
  listBatchFailures: { 200: [failures] },
  cancelBatch: { 202: [stoppingBatch] },
  retryBatch: { request: [retry], 202: [retried] },
  followBatch: { 200: [events] },
};
