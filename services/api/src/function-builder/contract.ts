import { z } from 'zod';

/** A result of the Function Builder API, or a line of its stream (protocol.md). */
export const builderResultSchema = z
  .object({
    status: z.enum(['in_progress', 'success', 'failed']),
    log: z.array(z.string()).optional(),
    image: z.string().optional(),
    error: z.string().optional().describe('Reason of the failure'),
    code: z.string().optional().describe('A code of docs/errors.md'),
    digest: z.string().optional().describe('Digest of the pushed manifest'),
    duration: z.number().optional().describe('Seconds'),
  })
  .meta({ id: 'BuilderResult' });
