import type { Ids, Kind } from './records.js';
import { namespace } from './records.js';

/** A status, and the code of a problem. */
type Expected = readonly [status: number, code?: string];

/** The answers of an operation to several callers, for the ids of one tenant's records. */
export interface Row {
  /** The record whose id fills each parameter of the path. */
  readonly ids?: Readonly<Record<string, Kind>>;
  readonly query?: string;
  readonly body?: (ids: Ids) => unknown;
  /** Sends an archive of these files. */
  readonly files?: Readonly<Record<string, string>>;
  /** True for streamed answers, which continue until the client disconnects. */
  readonly endless?: boolean;
  /** The answer to a token of that tenant with just the required scope. */
  readonly right: Expected;
  /** The answer to a token of another tenant with just the required scope. 404 by default. */
  readonly other?: Expected;
  /** The answer to the installation token, which belongs to the default tenant. By default, the same as to another tenant. */
  readonly admin?: Expected;
}

const missing: Expected = [404, 'not_found'];
/** The same answer for every caller. */
const all = (status: number, rest: Partial<Row> = {}): Row => ({
  ...rest,
  right: [status],
  other: [status],
});
const own = (status: number, kind: Kind, rest: Partial<Row> = {}): Row => ({
  ...rest,
  ids: { id: kind },
  right: [status],
});
const named = (status: number, kind: Kind, rest: Partial<Row> = {}): Row => ({
  other: missing,
  ...rest,
  ids: { ...rest.ids, name: kind },
  right: [status],
});
const forAdmin = (status: number, rest: Partial<Row> = {}): Row => ({
  right: [403, 'forbidden'],
  other: [403, 'forbidden'],
  admin: [status],
  ...rest,
});
const build = (ids: Ids) => ({ image: 'r.example/built:1', source: { digest: ids.source } });
const template = { Dockerfile: 'FROM scratch\n', 'template.yml': 'language: node\n' };

/** The rows of all operations, by operation id. */
export const rows: Readonly<Record<string, Row>> = {
  uploadSource: all(201, { files: { Dockerfile: 'FROM scratch\nLABEL never=sent\n' } }),
  getSource: { ids: { digest: 'source' }, right: [200] },
  submitJob: { body: build, right: [202], other: [422, 'source_not_found'] },
  getJob: own(200, 'job'),
  listJobs: all(200),
  cancelJob: own(200, 'job'),
  // A readable record is not removed.
  removeJob: forAdmin(409, { ids: { id: 'job' }, admin: [409, 'record_readable'] }),
  retryJob: own(202, 'endedJob'),
  submitBatch: {
    body: (ids) => ({ items: [build(ids)] }),
    right: [202],
    other: [422, 'batch_invalid'],
  },
  listBatches: all(200),
  getBatch: own(200, 'batch'),
  listBatchJobs: own(200, 'batch'),
  listBatchFailures: own(200, 'batch'),
  cancelBatch: own(202, 'batch'),
  retryBatch: own(202, 'endedBatch', { body: () => ({ which: 'all' }) }),
  followBatch: own(200, 'endedBatch'),
  listFunctions: all(200),
  listBaseImages: all(200),
  getFunction: named(200, 'function'),
  putFunction: named(200, 'function', { body: build, other: [422, 'source_not_found'] }),
  deleteFunction: named(204, 'function'),
  putTemplate: named(200, 'template', { files: template, other: [201] }),
  listTemplates: all(200),
  getTemplate: named(200, 'template'),
  deleteTemplate: named(204, 'template'),
  submitRebuild: {
    body: (ids) => ({ select: { namespace, name: ids.function } }),
    right: [202],
    other: [422, 'nothing_selected'],
  },
  listCampaigns: all(200),
  getCampaign: own(200, 'campaign'),
  listCampaignFunctions: own(200, 'campaign'),
  pauseCampaign: own(202, 'campaign'),
  resumeCampaign: own(202, 'pausedCampaign'),
  cancelCampaign: own(202, 'campaign'),
  retryCampaign: own(202, 'endedCampaign'),
  getJobLogs: own(200, 'job'),
  createWebhook: all(201, { body: () => ({ url: 'http://127.0.0.1:1/hook' }) }),
  listWebhooks: all(200),
  getWebhook: own(200, 'webhook'),
  updateWebhook: own(200, 'webhook', { body: () => ({ enabled: false }) }),
  deleteWebhook: own(204, 'webhook'),
  rotateWebhookSecret: own(200, 'webhook', { body: () => ({}) }),
  testWebhook: own(202, 'webhook'),
  listWebhookDeliveries: own(200, 'webhook'),
  recoverWebhook: own(202, 'webhook', { body: () => ({ since: '2026-01-01T00:00:00Z' }) }),
  listDeliveries: all(200),
  followEvents: all(200, { endless: true }),
  getDelivery: own(200, 'delivery'),
  redeliver: own(202, 'delivery'),
  // All tenants share the fleet; changes of it need a scope that operators give to no tenant.
  listBuilders: all(200),
  drainBuilder: own(200, 'replica', { other: [200] }),
  resumeBuilder: own(200, 'replica', { other: [200] }),
  getQueue: all(200),
  holdQueue: forAdmin(204),
  // The records of a row are created after a release.
  releaseQueue: forAdmin(409, { body: () => ({ jobs: 'run' }), admin: [409, 'jobs_not_held'] }),
  getStats: all(200),
  listAudit: forAdmin(200),
  whoami: all(200),
  listTenants: forAdmin(200),
  getTenant: forAdmin(200, { ids: { name: 'tenant' } }),
  putTenant: forAdmin(200, { ids: { name: 'tenant' }, body: () => ({ images: ['*'] }) }),
  // An unused name of a tenant, since the tenant is still needed.
  deleteTenant: forAdmin(404, { ids: { name: 'function' }, admin: missing }),
  createPayloadSecret: forAdmin(201, { ids: { name: 'tenant' } }),
  listPayloadSecrets: forAdmin(200, { ids: { name: 'tenant' } }),
  deletePayloadSecret: forAdmin(204, { ids: { name: 'tenant', id: 'payloadSecret' } }),
  createToken: all(201, { body: () => ({ description: 'CI', scopes: ['tokens:admin'] }) }),
  listTokens: all(200),
  getToken: own(200, 'token', { admin: [200] }),
  revokeToken: own(204, 'token', { admin: [204] }),
  // Operations without a token: a token is neither required nor checked.
  build: { files: template, right: [401, 'signature_missing'], other: [401, 'signature_missing'] },
  getPublicKey: all(200),
  // Without tokens of registries no events are taken.
  receiveRegistryEvent: { ids: { token: 'token' }, right: missing },
};
export const expectedOf = ({ right, other = missing, admin = other }: Row) => ({ right, other, admin });

/** Public paths beside the operations. */
export const openPaths = ['/healthz', '/readyz', '/metrics', '/docs', '/docs/start.js', '/openapi.json'];
