import { type Example, exampleIds, type ResourceExamples } from '../openapi/example.js';

const settings = {
  weight: 2,
  highest_priority: 'normal',
  limits: { queued_jobs: 500, running_jobs: 16 },
  images: ['registry.example.com/payments/'],
};
const request: Example = {
  name: 'TenantSettings',
  summary: 'A tenant that pushes below one folder of a registry',
  value: settings,
};
const record = {
  name: 'payments',
  ...settings,
  proxy_arguments: false,
  managed_by: 'api',
  updated_at: '2026-05-12T14:03:27.880Z',
};
const withUsage = {
  ...record,
  usage: {
    queued_jobs: 3,
    running_jobs: 2,
    source_bytes: 8_412_990,
    stored_bytes: 1_204_311,
    max_stored_bytes: 536_870_912,
  },
};
const tenant: Example = { name: 'Tenant', summary: 'A tenant and its usage', value: withUsage };
const put: Example = { name: 'StoredTenant', summary: 'The new settings', value: record };
const page: Example = { name: 'TenantPage', summary: 'The last page', value: { tenants: [record] } };

const secret = {
  id: exampleIds.payloadSecret,
  tenant: 'payments',
  managed_by: 'api',
  created_at: '2026-05-12T14:05:10.402Z',
  usable: true,
};
const createdSecret: Example = {
  name: 'CreatedPayloadSecret',
  summary: 'The secret is shown this once',
  value: { ...secret, secret: 'f3Jv0b7mXkq2sZ8w1yTn5cR9dLg6hPaE4uQxWiOe' },
};
const secrets: Example = {
  name: 'PayloadSecretList',
  summary: 'One secret signs builds of the tenant',
  value: { payload_secrets: [secret] },
};

const tokenRequest: Example = {
  name: 'TokenForCi',
  summary: 'A token for CI that submits and reads jobs, for 90 days',
  value: { description: 'CI', scopes: ['jobs:read', 'jobs:write'], expires_in_days: 90 },
};
const tokenRecord = {
  id: exampleIds.token,
  tenant: 'payments',
  description: 'CI',
  scopes: ['jobs:read', 'jobs:write'],
  managed_by: 'api',
  created_at: '2026-05-12T14:06:31.007Z',
  expires_at: '2026-08-10T14:06:31.007Z',
};
const createdToken: Example = {
  name: 'CreatedToken',
  summary: 'The token is shown this once',
  value: { ...tokenRecord, token: 'slp_Zk3vT9xQb7mR2cWn5dYh8jLp1sGa4fUe' },
};
const token: Example = {
  name: 'Token',
  summary: 'A token, without the token itself',
  value: { ...tokenRecord, last_used_at: '2026-05-17T08:58:00.000Z' },
};
const tokens: Example = { name: 'TokenPage', summary: 'The last page', value: { tokens: [tokenRecord] } };
const whoami: Example = {
  name: 'Whoami',
  summary: 'The tenant and the permissions of the calling token',
  value: {
    tenant: withUsage,
    token: {
      id: exampleIds.token,
      description: 'CI',
      scopes: ['jobs:read', 'jobs:write'],
      expires_at: '2026-08-10T14:06:31.007Z',
    },
  },
};

export const tenantExamples: ResourceExamples = {
  whoami: { 200: [whoami] },
  listTenants: { 200: [page] },
  getTenant: { 200: [tenant] },
  putTenant: { request: [request], 200: [put], 201: [put] },
  createPayloadSecret: { 201: [createdSecret] },
  listPayloadSecrets: { 200: [secrets] },
  createToken: { request: [tokenRequest], 201: [createdToken] },
  listTokens: { 200: [tokens] },
  getToken: { 200: [token] },
};
