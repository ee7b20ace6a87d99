import { z } from 'zod';

/** An answer of the Function Builder API, or one line of its stream (protocol.md). */
export const builderResultSchema = z
  .object({
    status: z.enum(['in_progress', 'success', 'failed']),
    log: z.array(z.string()).optional(),
    image: z.string().optional(),
    error: z.string().optional().describe('Why it failed'),
    code: z.string().optional().describe('The same as a code of docs/errors.md'),
    digest: z.string().optional().describe('Of the pushed manifest'),
    duration: z.number().optional().describe('Seconds'),
  })
  .meta({ id: 'BuilderResult' });
