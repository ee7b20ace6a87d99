import { submittedBatch } from '../batches/examples.js';
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

export const rebuildExamples: ResourceExamples = {
  submitRebuild: { request: [request], 200: [plan], 202: [submitted] },
};
