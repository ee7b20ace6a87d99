/** An example body, as a person would write it. Operations may share examples. */
export interface Example {
  /** Unique name among all examples of the document. */
  readonly name: string;
  readonly summary: string;
  readonly value: unknown;
  /** The media type. JSON by default. */
  readonly type?: string;
}

/** The examples of an operation: of its request, and of its answers by status. */
type OperationExamples = Readonly<Partial<Record<'request' | number, readonly Example[]>>>;

/** The examples of operations, by operation id. */
export type ResourceExamples = Readonly<Record<string, OperationExamples>>;

/** Ids that identify the same records in all examples. */
export const exampleIds = {
  job: 'job_01kd3v9m0zq2x8c6t4r1b7n5hj',
  retriedJob: 'job_01kd3w4p7de9f3k8s2v6y0a1bg',
  failedJob: 'job_01kd3v9m10h4j7m2n5p8r1s4tw',
  batch: 'batch_01kd3v8z5r6t7y8w9q0a1s2d3f',
  retriedBatch: 'batch_01kd3x2c4v5b6n7m8k9j0h1g2f',
  campaign: 'campaign_01kd4a7b8c9d0e1f2g3h4j5k6m',
  retriedCampaign: 'campaign_01kd4b2n3p4q5r6s7t8v9w0x1y',
  source: 'sha256:9f2c7b1e4d8a6053f1c2e7b94a8d3065e1f7c2b98d4a6e03f5c1b7a2e9d84063',
  templateFiles: 'sha256:3b7e9d05c1a84f62e7b3d90c5a1f8e46b2d7c9035e8a1f64c0b9d7e35a2f8146',
  image: 'sha256:5d1e8c7b3a90f246e8b1d7c35f0a9e62b4d8c1703e5a9f2667c0b3d8e1a4f592',
  webhook: 'wh_01kd2m8n4p6q9r1s3t5v7w0x2y',
  delivery: 'dlv_01kd3vb2f4g6h8j0k1m3n5p7q9r2s4t6',
  builder: 'rep_4f9a1c7e2b80',
  token: 'tok_01kd1a2b3c4d5e6f7g8h9j0kmn',
  payloadSecret: 'pay_01kd1p2q3r4s5t6v7w8x9y0zab',
} as const;

/** A token of `REGISTRY_EVENTS_TOKENS` that is none. */
const exampleOfEventToken = 'EXAMPLE-0123456789-0123456789-EXAMPLE';

const records: Readonly<Record<string, string>> = {
  jobs: exampleIds.job,
  batches: exampleIds.batch,
  campaigns: exampleIds.campaign,
  webhooks: exampleIds.webhook,
  deliveries: exampleIds.delivery,
  builders: exampleIds.builder,
  tokens: exampleIds.token,
  'registry-events': exampleOfEventToken,
};
const names: Readonly<Record<string, string>> = {
  functions: 'orders',
  templates: 'node22',
  tenants: 'payments',
};

/** Returns an example of a parameter of a path, or undefined. */
export function exampleOfParameter(path: string, name: string): string | undefined {
  const [, , resource = ''] = path.split('/');
  if (name === 'digest') return exampleIds.source;
  if (name === 'namespace') return 'openfaas-fn';
  if (name === 'name') return names[resource];
  return path.includes('/payload-secrets/') ? exampleIds.payloadSecret : records[resource];
}

/** Returns server-sent events in their wire format. */
export const eventStream = (
  ...events: readonly { readonly id?: string; readonly event: string; readonly data: unknown }[]
): string =>
  events
    .map(
      ({ id, event, data }) =>
        `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
    )
    .join('');
