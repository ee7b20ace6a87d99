import { type Example, exampleIds, type ResourceExamples } from '../openapi/example.js';

const page: Example = {
  name: 'AuditPage',
  summary: 'The last page: a token submitted a job',
  value: {
    entries: [
      {
        id: '1779008291204-0',
        at: '2026-05-17T08:58:11.204Z',
        request_id: '0b7c1c0e-6a0f-4a1e-9d0a-3f4f0f6f2a51',
        tenant: 'payments',
        token: exampleIds.token,
        operation: 'submitJob',
        method: 'POST',
        path: '/v1/jobs',
        records: [exampleIds.job],
        status: 202,
        address: '192.0.2.17',
        user_agent: 'slipway/0.1.0',
      },
    ],
  },
};

export const auditExamples: ResourceExamples = { listAudit: { 200: [page] } };
