import { type Example, exampleIds, type ResourceExamples } from '../openapi/example.js';

const image = 'registry.example.com/payments/orders:1.4.2';
const commit = '4f2a9c1e7b3d5068f1a2c4e6b8d0f3a5c7e9b1d2';
const repository = 'https://git.example.com/payments/orders.git';

const gitJob: Example = {
  name: 'JobFromGit',
  summary: 'Build a folder of a git repository',
  value: {
    image,
    function: 'openfaas-fn/orders',
    source: { git: { url: repository, ref: 'v1.4.2', path: 'orders' } },
    build_args: { GO_VERSION: '1.26' },
    platforms: ['linux/amd64', 'linux/arm64'],
    labels: { team: 'payments' },
  },
};
const uploadedJob: Example = {
  name: 'JobFromSource',
  summary: 'Build a source that was uploaded with POST /v1/sources',
  value: { image, source: { digest: exampleIds.source }, template: 'node22' },
};
const inlineJob: Example = {
  name: 'JobFromFiles',
  summary: 'Build files that are part of the request',
  value: {
    image: 'registry.example.com/payments/hello:1',
    source: { files: { Dockerfile: 'FROM busybox:1.37\nCOPY hello.txt /\n', 'hello.txt': 'Hello\n' } },
  },
};

/** Fields of the example's record in every state. */
const common = {
  id: exampleIds.job,
  image,
  function: 'openfaas-fn/orders',
  build_args: { GO_VERSION: '1.26' },
  platforms: ['linux/amd64', 'linux/arm64'],
  pool: 'default',
  priority: 'normal',
  push: true,
  sbom: false,
  provenance: false,
  labels: { team: 'payments' },
  skip_if_unchanged: false,
  force: false,
  source: {
    digest: exampleIds.source,
    git: { url: repository, ref: 'v1.4.2', path: 'orders', commit },
  },
  created_at: '2026-05-17T08:58:11.204Z',
};
const firstAttempt = {
  number: 1,
  worker: 'worker-7c9d-3f21ab',
  replica: 'http://builder-2:8081',
  wait_ms: 812,
  started_at: '2026-05-17T08:58:12.016Z',
};

const queuedJob: Example = {
  name: 'QueuedJob',
  summary: 'A job that waits',
  value: { ...common, state: 'queued', version: 1, cancel_requested: false, attempts: [] },
};
const succeededRecord = {
  ...common,
  state: 'succeeded',
  version: 3,
  started_at: '2026-05-17T08:58:12.016Z',
  finished_at: '2026-05-17T08:58:54.730Z',
  cancel_requested: false,
  attempts: [
    {
      ...firstAttempt,
      finished_at: '2026-05-17T08:58:54.730Z',
      outcome: 'succeeded',
      steps: { total: 9, cached: 6 },
    },
  ],
  result: { image, digest: exampleIds.image, duration_ms: 42_310 },
};
const succeededJob: Example = {
  name: 'SucceededJob',
  summary: 'A job whose image was pushed',
  value: succeededRecord,
};
const failedJob: Example = {
  name: 'FailedJob',
  summary: 'A job whose Dockerfile failed',
  value: {
    ...common,
    id: exampleIds.failedJob,
    state: 'failed',
    version: 3,
    started_at: '2026-05-17T08:58:12.016Z',
    finished_at: '2026-05-17T08:58:30.118Z',
    cancel_requested: false,
    attempts: [{ ...firstAttempt, finished_at: '2026-05-17T08:58:30.118Z', outcome: 'build_failed' }],
    error: {
      code: 'build_failed',
      detail: 'process "/bin/sh -c npm ci" did not complete successfully: exit code: 1',
      log_tail: ['#9 [5/6] RUN npm ci', '#9 2.413 npm error code EUSAGE'],
    },
  },
};
const canceledJob: Example = {
  name: 'CanceledJob',
  summary: 'The job was waiting, and ended at once',
  value: {
    ...common,
    state: 'canceled',
    version: 2,
    finished_at: '2026-05-17T08:58:11.930Z',
    cancel_requested: true,
    cancel_requested_at: '2026-05-17T08:58:11.930Z',
    attempts: [],
  },
};
const stoppingJob: Example = {
  name: 'StoppingJob',
  summary: 'The job is running, and its build is being stopped',
  value: {
    ...common,
    state: 'running',
    version: 3,
    started_at: '2026-05-17T08:58:12.016Z',
    cancel_requested: true,
    cancel_requested_at: '2026-05-17T08:58:20.415Z',
    attempts: [firstAttempt],
  },
};
const retriedJob: Example = {
  name: 'RetriedJob',
  summary: 'The new job, which builds the same commit',
  value: {
    ...common,
    id: exampleIds.retriedJob,
    created_at: '2026-05-17T09:12:40.551Z',
    state: 'queued',
    version: 1,
    cancel_requested: false,
    attempts: [],
  },
};
export const jobPage: Example = {
  name: 'JobPage',
  summary: 'The last page, with one job',
  value: { jobs: [succeededRecord] },
};

export const jobExamples: ResourceExamples = {
  submitJob: { request: [gitJob, uploadedJob, inlineJob], 202: [queuedJob] },
  listJobs: { 200: [jobPage] },
  getJob: { 200: [succeededJob, failedJob] },
  cancelJob: { 200: [canceledJob], 202: [stoppingJob] },
  retryJob: { 202: [retriedJob] },
};
