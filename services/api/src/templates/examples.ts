import { type Example, exampleIds, type ResourceExamples } from '../openapi/example.js';

const record = {
  name: 'node22',
  version: 3,
  digest: exampleIds.templateFiles,
  handler_folder: 'function',
  build_options: [{ name: 'dev', packages: ['make', 'g++'] }],
  origin: { repository: 'https://github.com/openfaas/templates', ref: 'master' },
  updated_at: '2026-05-12T14:03:27.880Z',
};
const template: Example = { name: 'Template', summary: 'A template that faas-cli pulled', value: record };
const created: Example = {
  name: 'CreatedTemplate',
  summary: 'The first version',
  value: { ...record, version: 1 },
};
const replaced: Example = {
  name: 'ReplacedTemplate',
  summary: 'A new version, and the batch that rebuilds the functions on it',
  value: { ...record, batch: exampleIds.batch },
};
const page: Example = { name: 'TemplatePage', summary: 'The last page', value: { templates: [record] } };

export const templateExamples: ResourceExamples = {
  putTemplate: { 200: [replaced], 201: [created] },
  getTemplate: { 200: [template] },
  listTemplates: { 200: [page] },
};
