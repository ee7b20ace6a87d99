import { type Example, exampleIds, type ResourceExamples } from '../openapi/example.js';

const source: Example = {
  name: 'Source',
  summary: 'The manifest of the archive. Jobs name it by its digest',
  value: { digest: exampleIds.source, files: 14, bytes: 48_213 },
};

export const sourceExamples: ResourceExamples = {
  uploadSource: { 200: [source], 201: [source] },
  getSource: { 200: [source] },
};
