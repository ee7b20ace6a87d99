import { z } from 'zod';
import { digestSchema } from './job-spec.js';

export const sourceSchema = z
  .object({
    digest: digestSchema,
    files: z.int().describe('Files and links'),
    bytes: z.int().describe('Bytes of all files together'),
  })
  .meta({ id: 'Source' });
