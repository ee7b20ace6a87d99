import { z } from 'zod';
import { maxCampaignFunctions, wavesSchema } from './campaign.js';
import { idSchema } from './ids.js';
import { prioritySchema } from './job-spec.js';
import { poolNameSchema } from './pool.js';

/** The tenant of the installation's own token. It always exists. */
export const defaultTenantName = 'default';

export const tenantNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits and -');

/**
 * The scopes of a token. `admin` includes all of them, and gives access to tenants, tokens and the audit log. Only tokens of the
 * default tenant may have it.
 */
export const scopes = [
  'jobs:read',
  'jobs:write',
  'templates:write',
  'webhooks:read',
  'webhooks:write',
  'builders:read',
  'builders:admin',
  'tokens:admin',
  'admin',
] as const;
const scopeSchema = z.enum(scopes).meta({ id: 'Scope' });
export type Scope = (typeof scopes)[number];

const limit = z.int().min(0).optional();

/** The limits of a tenant. An absent field means no limit. */
const tenantLimitsSchema = z
  .strictObject({
    queued_jobs: limit.describe('Maximum of waiting jobs'),
    running_jobs: z.int().min(1).optional().describe('Maximum of running jobs; others wait'),
    source_bytes: limit.describe('Maximum of bytes of all stored sources together'),
    stored_bytes: limit.describe(
      'Maximum of bytes of all records together (jobs, batches, functions, messages); default: the setting of the installation',
    ),
    requests_per_minute: z.int().min(1).optional().describe('Maximum of API requests per minute'),
  })
  .meta({ id: 'TenantLimits' });
export type TenantLimits = z.output<typeof tenantLimitsSchema>;

const imagePrefixSchema = z
  .string()
  .regex(
    /^(?:\*|(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?\/)?[a-z0-9._/-]*[a-z0-9/])$/,
    'must be a registry, a repository or a folder of repositories, as registry.example.com/team/, or *',
  )
  .max(255);

const baseImageChangesSchema = z
  .strictObject({
    action: z
      .enum(['notify', 'rebuild'])
      .describe(
        '`rebuild`: a campaign builds the functions that are behind the new image. `notify`: events and webhooks tell the change, as they also do otherwise',
      ),
    waves: wavesSchema.optional().describe('The waves of the campaign; default: `canary` 5, `size` `25%`'),
    max_failures: z
      .int()
      .min(0)
      .max(maxCampaignFunctions)
      .default(0)
      .describe('The campaign pauses when more jobs of one wave have failed'),
  })
  .meta({ id: 'BaseImageChanges' });
export type BaseImageChanges = z.output<typeof baseImageChangesSchema>;

/** The body of `PUT /v1/tenants/{name}`, and a tenant of the tenants file. */
export const tenantSettingsSchema = z
  .strictObject({
    weight: z
      .number()
      .min(0.01)
      .max(1000)
      .default(1)
      .describe('The share of the fleet, relative to other tenants'),
    highest_priority: prioritySchema
      .default('high')
      .describe('Slipway refuses jobs of a higher class. Jobs without a class get no higher one'),
    limits: tenantLimitsSchema.default({}),
    images: z
      .array(imagePrefixSchema)
      .max(64)
      .describe(
        'Images that the tenant may push to: a repository (registry.example.com/team/app), all below a folder (registry.example.com/team/), or `*` for anywhere',
      ),
    pools: z
      .array(poolNameSchema)
      .min(1)
      .max(64)
      .optional()
      .describe('The pools that the tenant may use and see; default: all'),
    base_image_changes: baseImageChangesSchema
      .optional()
      .describe('What happens when a base image of its functions changes at its registry; default: `notify`'),
    proxy_arguments: z
      .boolean()
      .default(false)
      .describe(
        'True allows the build arguments HTTP_PROXY, HTTPS_PROXY, FTP_PROXY, NO_PROXY and ALL_PROXY. Jobs of `default` may always set them',
      ),
  })
  .meta({ id: 'TenantSettings' });
export type TenantSettings = z.output<typeof tenantSettingsSchema>;

const time = z.iso.datetime().describe('RFC 3339, UTC');

export const tenantSchema = z
  .object({
    name: tenantNameSchema,
    ...tenantSettingsSchema.shape,
    managed_by: z
      .enum(['api', 'file'])
      .describe('`file`: the tenants file manages the tenant, so the API cannot change it'),
    usage: z
      .object({
        queued_jobs: z.int(),
        running_jobs: z.int(),
        source_bytes: z.int(),
        stored_bytes: z.int().describe('Bytes of its records in Redis'),
        max_stored_bytes: z.int().describe('The limit of these bytes, set by the tenant or the installation'),
      })
      .meta({ id: 'TenantUsage' })
      .optional()
      .describe('The current usage'),
    updated_at: time,
  })
  .meta({ id: 'Tenant' });
export type TenantView = z.infer<typeof tenantSchema>;

export const tokenIdSchema = idSchema('tok');

/** The body of `POST /v1/tokens`. */
export const tokenRequestSchema = z
  .strictObject({
    tenant: tenantNameSchema
      .optional()
      .describe("Default: the caller's tenant. Another tenant needs `admin`"),
    description: z.string().min(1).max(200),
    scopes: z.array(scopeSchema).min(1).max(scopes.length),
    expires_in_days: z.int().min(1).max(3650).optional().describe('Default: the token never expires'),
  })
  .meta({ id: 'TokenRequest' });
export type TokenRequest = z.output<typeof tokenRequestSchema>;

export const tokenSchema = z
  .object({
    id: tokenIdSchema,
    tenant: tenantNameSchema,
    description: z.string(),
    scopes: z.array(scopeSchema),
    managed_by: z.enum(['api', 'file']),
    created_at: time,
    expires_at: time.optional(),
    last_used_at: time.optional().describe('Precise to the minute'),
  })
  .meta({ id: 'Token' });
export type TokenView = z.infer<typeof tokenSchema>;

/** The answer of `POST /v1/tokens`. */
export const createdTokenSchema = tokenSchema
  .extend({ token: z.string().describe('The token itself, which is never shown again') })
  .meta({ id: 'CreatedToken' });

/** The answer of `GET /v1/whoami`: the tenant and the scopes of a token. */
export const whoamiSchema = z
  .object({
    tenant: tenantSchema,
    token: z
      .object({
        id: z.string().describe("`API_TOKEN` for the installation's own token"),
        description: z.string().optional(),
        scopes: z.array(scopeSchema),
        expires_at: time.optional(),
      })
      .meta({ id: 'WhoamiToken' }),
  })
  .meta({ id: 'Whoami' });

export const payloadSecretSchema = z
  .object({
    id: idSchema('pay'),
    tenant: tenantNameSchema,
    managed_by: z.enum(['api', 'file']),
    created_at: time,
    usable: z
      .boolean()
      .describe(
        'False when the secret was encrypted under another PAYLOAD_SECRET of the installation: remove it, and create a new one',
      ),
  })
  .meta({ id: 'PayloadSecret' });
export type PayloadSecretView = z.infer<typeof payloadSecretSchema>;

/** The answer of `POST /v1/tenants/{name}/payload-secrets`. */
export const createdPayloadSecretSchema = payloadSecretSchema
  .extend({ secret: z.string().describe('The secret itself, which is never shown again') })
  .meta({ id: 'CreatedPayloadSecret' });

/** A tenant of the tenants file with its credentials. Secrets are given as the files that hold them, tokens as their hashes. */
const fileTenantSchema = z.strictObject({
  name: tenantNameSchema,
  ...tenantSettingsSchema.shape,
  tokens: z
    .array(
      z.strictObject({
        description: z.string().min(1).max(200),
        sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the token, in hexadecimal digits'),
        scopes: z.array(scopeSchema).min(1),
        expires_at: z.iso.datetime().optional(),
      }),
    )
    .max(100)
    .default([]),
  payload_secret_files: z
    .array(z.string().min(1))
    .max(4)
    .default([])
    .describe('Files with the secrets that sign payloads of POST /build'),
});

/** The tenants file: YAML or JSON. */
export const tenantsFileSchema = z.strictObject({
  tenants: z
    .array(fileTenantSchema)
    .max(1000)
    .refine(
      (tenants) => new Set(tenants.map(({ name }) => name)).size === tenants.length,
      'must not name a tenant twice',
    ),
});
export type TenantsFile = z.output<typeof tenantsFileSchema>;
