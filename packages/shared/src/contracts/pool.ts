import { z } from 'zod';
import {
  normalPlatform,
  parsePlatform,
  platformPattern,
  platformRule,
  repeatedPlatform,
} from '../platforms/index.js';

/** The pool of jobs and replicas that name no pool. */
export const defaultPool = 'default';

export const poolNameSchema = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, 'must be 1 to 32 lower-case letters, digits and -')
  .describe('A pool: replicas that build the same platforms');

const spelled = z
  .string()
  .regex(platformPattern, { error: platformRule, abort: true })
  .refine((text) => parsePlatform(text) !== undefined, platformRule);

/** A platform in any spelling. The output is its normal form. */
export const platformSchema = spelled.overwrite(normalPlatform);

/** Platforms of a request in any spelling, each once. The output has their normal forms. */
export const platformsSchema = z
  .array(spelled)
  .max(16)
  .check((context) => {
    const message = repeatedPlatform(context.value);
    if (message) context.issues.push({ code: 'custom', message, input: context.value });
  })
  .overwrite((list) => list.map(normalPlatform))
  .meta({ uniqueItems: true });
