import { type Example, exampleIds, type ResourceExamples } from '../openapi/example.js';

const none = { queued: 0, running: 0, succeeded: 0, failed: 0, canceled: 0 };
const noResults = { changed: 0, unchanged: 0, unknown: 0, failed: 0, canceled: 0 };
const common = {
  id: exampleIds.campaign,
  canceled: false,
  total: 20,
  base_images: ['docker.io/library/node:22-alpine'],
  max_failures: 1,
  only_changed: true,
  labels: { rebuild: 'base_image:node:22-alpine+behind:true' },
  callback: { url: 'https://deploy.example.com/hooks/slipway' },
  finish_by: '2026-05-18T06:00:00Z',
  created_at: '2026-05-17T22:00:04.118Z',
};
const batches = [exampleIds.batch, exampleIds.retriedBatch];
const running = {
  ...common,
  state: 'running',
  wave: 2,
  waves: [
    { number: 1, total: 5, state: 'finished', batch: batches[0], counts: { ...none, succeeded: 5 } },
    {
      ...{ number: 2, total: 15, state: 'running', batch: batches[1] },
      counts: { ...none, queued: 9, running: 4, succeeded: 2 },
    },
  ],
  comparison: { ...noResults, changed: 4, unchanged: 1 },
  predicted_end: '2026-05-17T22:31:40.000Z',
  late: false,
  jobs_per_minute: 0.7,
};
const { predicted_end: _predicted, ...rest } = running;
const finished = {
  ...rest,
  state: 'finished',
  waves: [
    running.waves[0],
    { ...running.waves[1], state: 'finished', counts: { ...none, succeeded: 14, failed: 1 } },
  ],
  comparison: { ...noResults, changed: 13, unchanged: 6, failed: 1 },
  finished_at: '2026-05-17T22:30:12.870Z',
};

export const submittedCampaign = {
  ...common,
  state: 'running',
  wave: 1,
  waves: [
    { number: 1, total: 5, state: 'running', batch: batches[0], counts: { ...none, queued: 5 } },
    { number: 2, total: 15, state: 'waiting', batch: batches[1], counts: { ...none, queued: 15 } },
  ],
  comparison: noResults,
  late: false,
};

const example = (name: string, summary: string, value: unknown): Example => ({ name, summary, value });
const runningCampaign = example('RunningCampaign', 'The second wave runs', running);
const finishedCampaign = example('FinishedCampaign', 'Of 20 images, 13 differ', finished);
const page = example('CampaignPage', 'The last page', { campaigns: [finished] });
const functions = example('ChangedFunctions', 'Functions whose new image differs', {
  functions: [
    {
      function: 'openfaas-fn/orders',
      wave: 1,
      job: exampleIds.job,
      image: 'registry.example.com/payments/orders:1.4.2',
      reasons: ['behind node:22-alpine: built from sha256:3b7e9d05c1a8, the newest is sha256:9f2c7b1e4d8a'],
      state: 'changed',
      digest: exampleIds.image,
      digest_before: exampleIds.templateFiles,
    },
  ],
});
const paused = example('PausedCampaign', 'Two jobs of the wave have failed', {
  ...running,
  state: 'paused',
  paused_by: 'max_failures',
});
const stopping = example('StoppingCampaign', 'Its jobs are being canceled', {
  ...running,
  state: 'stopping',
  canceled: true,
});
const retried = example('RetriedCampaign', 'The new campaign, with the function that failed', {
  ...submittedCampaign,
  id: exampleIds.retriedCampaign,
  total: 1,
  waves: [{ number: 1, total: 1, state: 'running', batch: batches[0], counts: { ...none, queued: 1 } }],
  retry_of: exampleIds.campaign,
});

export const campaignExamples: ResourceExamples = {
  listCampaigns: { 200: [page] },
  getCampaign: { 200: [runningCampaign, finishedCampaign] },
  listCampaignFunctions: { 200: [functions] },
  pauseCampaign: { 202: [paused] },
  resumeCampaign: { 202: [runningCampaign] },
  cancelCampaign: { 202: [stopping] },
  retryCampaign: { 202: [retried] },
};
