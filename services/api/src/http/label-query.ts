import { z } from 'zod';

/** The query parameter `label=name=value`, which may be repeated. */
export const labelQuerySchema = z
  .union([z.string(), z.array(z.string())])
  .transform((given, context) => {
    const pairs = [given].flat().map((text) => /^([^=]+)=(.*)$/s.exec(text));
    if (pairs.some((pair) => pair === null)) {
      context.addIssue({ code: 'custom', message: 'must be name=value' });
      return z.NEVER;
    }
    return Object.fromEntries(pairs.map((pair) => [pair?.[1], pair?.[2]])) as Record<string, string>;
  })
  .describe('name=value; may be repeated, all must match');
