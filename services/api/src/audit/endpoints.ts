import { type Endpoint, endpoint } from '../http/operation.js';
import { auditPageSchema, auditQuerySchema } from './contract.js';
import type { AuditLog } from './log.js';

export function auditEndpoint({ audit }: { audit: Pick<AuditLog, 'list'> }): Endpoint {
  return endpoint(
    {
      id: 'listAudit',
      method: 'get',
      path: '/v1/audit',
      scope: 'admin',
      tag: 'Audit',
      summary: 'Changes and refused requests, newest first',
      description:
        'Every request that is not a read, and every request refused for its token or its scope. Entries never change; the oldest are removed by number and by age.',
      query: auditQuerySchema,
      answers: { 200: { description: 'A page', content: { 'application/json': auditPageSchema } } },
      errors: ['request_invalid'],
    },
    async ({ query, res }) => {
      const { entries, next } = await audit.list(query);
      res.json({ entries, ...(next !== undefined && { next_cursor: next }) });
    },
  );
}
