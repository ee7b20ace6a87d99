import { type Example, exampleIds, type ResourceExamples } from '../openapi/example.js';

const result = {
  status: 'success',
  log: ['#6 [3/6] RUN npm ci', '#6 2.413 added 91 packages in 2s'],
  image: 'registry.example.com/payments/orders:1.4.2',
  digest: exampleIds.image,
  duration: 42.31,
};
const built: Example = { name: 'BuiltImage', summary: 'The image was pushed', value: result };
const stream: Example = {
  name: 'BuiltImageAsStream',
  summary: 'The log while the job runs. The last line has the result',
  type: 'application/x-ndjson',
  value: [{ status: 'in_progress', log: [result.log[0]] }, result]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join(''),
};
const key: Example = {
  name: 'PublicKey',
  summary: 'The public key for sealing build secrets',
  value: {
    key_id: 'mJ3k9QxV',
    algorithm: 'nacl/box',
    public_key: 'mJ3k9QxVb2t7Zr0cWn5dYh8jLp1sGa4fUeTiOqRxKzI=',
  },
};

export const functionBuilderExamples: ResourceExamples = {
  build: { 200: [built, stream] },
  getPublicKey: { 200: [key] },
};
