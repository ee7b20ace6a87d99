import { type Example, exampleIds, type ResourceExamples } from '../openapi/example.js';

const image = 'registry.example.com/payments/orders:1.4.2';
const request: Example = {
  name: 'FunctionToRebuild',
  summary: 'The definition of the function. No build starts',
  value: { image, source: { digest: exampleIds.source }, template: 'node22', labels: { team: 'payments' } },
};
const record = {
  name: 'openfaas-fn/orders',
  spec: {
    image,
    build_args: {},
    platforms: [],
    priority: 'normal',
    push: true,
    sbom: false,
    provenance: false,
    labels: { team: 'payments' },
    skip_if_unchanged: false,
    force: false,
    source: { digest: exampleIds.source },
    template: { name: 'node22', digest: exampleIds.templateFiles, handler_folder: 'function' },
  },
  last_job: exampleIds.job,
  updated_at: '2026-05-17T08:58:11.204Z',
  base_images: ['docker.io/library/node:22-alpine'],
  bases: [{ reference: 'docker.io/library/node:22-alpine', digest: exampleIds.image }],
  last_success: {
    job: exampleIds.job,
    finished_at: '2026-05-17T08:58:54.730Z',
    result: { image, digest: exampleIds.image, duration_ms: 42_310 },
  },
};
const fn: Example = { name: 'Function', summary: 'A function and its last success', value: record };
const page: Example = { name: 'FunctionPage', summary: 'The last page', value: { functions: [record] } };

const baseImages: Example = {
  name: 'BaseImagePage',
  summary: 'A base image that has moved since some functions were built',
  value: {
    base_images: [
      {
        reference: 'docker.io/library/node:22-alpine',
        functions: 42,
        digests: [
          { digest: exampleIds.source, functions: 40 },
          { digest: exampleIds.image, functions: 1 },
        ],
        unknown: 1,
        newest: { digest: exampleIds.image, since: '2026-05-17T08:58:12.004Z' },
        behind: 40,
        checked_at: '2026-05-17T09:02:12.004Z',
        changed_at: '2026-05-17T08:52:10.511Z',
      },
    ],
  },
};

export const functionExamples: ResourceExamples = {
  listBaseImages: { 200: [baseImages] },
  receiveRegistryEvent: {
    202: [{ name: 'RegistryEvent', summary: 'A push of one base image', value: { pushed: 1, in_use: 1 } }],
  },
  listFunctions: { 200: [page] },
  getFunction: { 200: [fn] },
  putFunction: { request: [request], 200: [fn], 201: [fn] },
};
