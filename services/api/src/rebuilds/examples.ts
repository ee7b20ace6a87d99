import { submittedBatch } from '../batches/examples.js';
import { submittedCampaign } from '../campaigns/examples.js';
import type { Example, ResourceExamples } from '../openapi/example.js';

const request: Example = {
  name: 'RebuildOnBaseImage',
  summary: 'Rebuild all functions on a base image, under a new tag',
  value: {
    select: { base_image: 'docker.io/library/node:22-alpine' },
    image: '{registry}/{repository}:{release}',
    values: { release: '1.4.3' },
    max_running: 8,
  },
};
const planned = {
  functions: [
    {
      function: 'openfaas-fn/orders',
      image: 'registry.example.com/payments/orders:1.4.3',
      reasons: ['base image docker.io/library/node:22-alpine'],
    },
  ],
  left_out: [
    {
      function: 'openfaas-fn/refunds',
      code: 'source_not_found',
      reason: 'its source is no longer stored',
    },
  ],
};
const campaignRequest: Example = {
  name: 'CampaignOnBaseImage',
  summary: 'Rebuild the functions that are behind: first five, then a quarter of all at a time',
  value: {
    select: { base_image: 'docker.io/library/node:22-alpine', behind: true },
    waves: { canary: 5, size: '25%' },
    max_failures: 1,
    finish_by: '2026-05-18T06:00:00Z',
    callback: { url: 'https://deploy.example.com/hooks/slipway' },
    only_changed: true,
  },
};
const plan: Example = {
  name: 'RebuildPlan',
  summary: 'Plan of a dry run: nothing was submitted',
  value: planned,
};
const submitted: Example = {
  name: 'SubmittedRebuild',
  summary: 'The batch builds the functions',
  value: { ...planned, batch: submittedBatch.value },
};

const submittedWaves: Example = {
  name: 'SubmittedCampaign',
  summary: 'The campaign builds the functions in waves',
  value: {
    ...planned,
    functions: planned.functions.map((each) => ({ ...each, wave: 1 })),
    campaign: submittedCampaign,
  },
};

export const rebuildExamples: ResourceExamples = {
  submitRebuild: { request: [request, campaignRequest], 200: [plan], 202: [submitted, submittedWaves] },
};
