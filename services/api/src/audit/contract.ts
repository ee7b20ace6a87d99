import { tenantNameSchema } from '@slipway/shared/contracts';
import { z } from 'zod';

const time = z.iso.datetime().describe('RFC 3339, UTC');

const auditEntrySchema = z
  .object({
    id: z.string().describe('Sorts by time'),
    at: time,
    request_id: z.string(),
    tenant: z.string().optional().describe('Absent when the sender of the request is unknown'),
    token: z
      .string()
      .optional()
      .describe(
        'The id of the token; `API_TOKEN`: the installation token; `payload_secret`: a signed POST /build',
      ),
    operation: z.string().optional().describe('Its operationId in this document; absent for other paths'),
    method: z.string(),
    path: z.string(),
    records: z
      .array(z.string())
      .describe('Ids and names of the records that the request read, changed or created'),
    status: z.int().describe('0 when the client disconnected before it got an answer'),
    code: z.string().optional().describe('Code of the problem in the answer'),
    address: z.string().describe('Address of the client, as reported by trusted proxies'),
    user_agent: z.string().optional(),
  })
  .meta({ id: 'AuditEntry' });
export type AuditEntryView = z.output<typeof auditEntrySchema>;

export const auditPageSchema = z
  .object({
    entries: z.array(auditEntrySchema),
    next_cursor: z
      .string()
      .optional()
      .describe(
        'Absent on the last page. A page may hold fewer than `limit` entries when few of many entries match',
      ),
  })
  .meta({ id: 'AuditPage' });

const cursorSchema = z.string().regex(/^\d{1,16}-\d{1,16}$/, 'must be `next_cursor` of the previous page');

export const auditQuerySchema = z.strictObject({
  tenant: tenantNameSchema.optional(),
  token: z.string().min(1).max(64).optional().describe('The id of a token'),
  operation: z.string().min(1).max(64).optional().describe('An operationId of this document'),
  since: time.optional(),
  until: time.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: cursorSchema.optional().describe('`next_cursor` of the previous page'),
});
export type AuditQuery = z.output<typeof auditQuerySchema>;
