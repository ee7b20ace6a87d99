import { z } from 'zod';

/** Where jobs go that name no pool, and where replicas belong that name none. */
export const defaultPool = 'default';

export const poolNameSchema = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, 'must be 1 to 32 lower-case letters, digits and -')
  .describe('A pool: replicas that build the same platforms');

/** One platform, in the words of OCI images. */
export const platformSchema = z
  .string()
  .regex(/^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9]+)?$/, 'must be os/arch or os/arch/variant, e.g. linux/amd64');

/** The variant that an architecture has unless it says another is left out, as BuildKit does. */
export function normalPlatform(platform: string): string {
  if (platform.endsWith('/arm64/v8') || platform.endsWith('/amd64/v1'))
    return platform.slice(0, -'/v8'.length);
  return platform.endsWith('/arm') ? `${platform}/v7` : platform;
}
