import { auditExamples } from '../audit/examples.js';
import { batchExamples } from '../batches/examples.js';
import { campaignExamples } from '../campaigns/examples.js';
import { eventExamples } from '../events/examples.js';
import { fleetExamples } from '../fleet/examples.js';
import { functionBuilderExamples } from '../function-builder/examples.js';
import { functionExamples } from '../functions/examples.js';
import { jobExamples } from '../jobs/examples.js';
import { logExamples } from '../logs/examples.js';
import { rebuildExamples } from '../rebuilds/examples.js';
import { sourceExamples } from '../sources/examples.js';
import { statsExamples } from '../stats/examples.js';
import { templateExamples } from '../templates/examples.js';
import { tenantExamples } from '../tenants/examples.js';
import { messageExamples, webhookExamples } from '../webhooks/examples.js';
import type { Json } from './components.js';
import type { Example, ResourceExamples } from './example.js';

const operations: ResourceExamples = {
  ...jobExamples,
  ...logExamples,
  ...sourceExamples,
  ...batchExamples,
  ...functionExamples,
  ...templateExamples,
  ...rebuildExamples,
  ...campaignExamples,
  ...eventExamples,
  ...webhookExamples,
  ...messageExamples,
  ...fleetExamples,
  ...statsExamples,
  ...auditExamples,
  ...tenantExamples,
  ...functionBuilderExamples,
};

/** Returns `{ examples }` of a body of an operation, as references; an empty object without examples. */
export function examplesOf(id: string, body: 'request' | number, type = 'application/json'): Json {
  const own = (operations[id]?.[body] ?? []).filter((example) => typeOf(example) === type);
  if (own.length === 0) return {};
  return {
    examples: Object.fromEntries(own.map(({ name }) => [name, { $ref: `#/components/examples/${name}` }])),
  };
}

const typeOf = ({ type = 'application/json' }: Example) => type;

/** Returns all examples, by name. Throws on duplicate names. */
export function sharedExamples(): Record<string, Json> {
  const all = new Set(Object.values(operations).flatMap((own) => Object.values(own).flat() as Example[]));
  const shared: Record<string, Json> = {};
  for (const { name, summary, value } of all) {
    if (name in shared) throw new Error(`two examples are named ${name}: give one of them another name`);
    shared[name] = { summary, value };
  }
  return shared;
}
