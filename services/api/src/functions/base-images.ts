import type { BaseImageUse, FunctionStore } from '@slipway/control-plane/functions';
import { baseImageFits, functionSelectorSchema } from '@slipway/shared/contracts';
import { z } from 'zod';
import { accountOf } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';

interface BaseImageEndpointsDeps {
  readonly functions: Pick<FunctionStore, 'baseImages'>;
}

/** Limit of the digests in the view of a base image. */
const maxDigests = 100;

const query = z.strictObject({
  base_image: functionSelectorSchema.shape.base_image.describe(
    '`node`, `node:22-alpine` or a whole reference; Docker Hub names in any spelling',
  ),
  behind: z
    .enum(['true', 'false'])
    .optional()
    .describe('`true`: only images with functions that are behind; `false`: only those without'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(1_024).optional().describe('`next_cursor` of the page before'),
});

const digestSchema = z.string().describe('Of the index, or of the manifest if the image has no index');

const baseImageSchema = z
  .object({
    reference: z.string().describe('In canonical spelling: `docker.io/library/node:22-alpine`'),
    functions: z
      .int()
      .describe('Functions whose last success used it. `GET /v1/functions?base_image=…` lists them'),
    digests: z
      .array(z.object({ digest: digestSchema, functions: z.int() }).meta({ id: 'BaseImageDigest' }))
      .max(maxDigests)
      .describe('The digests in use, those of most functions first'),
    unknown: z.int().describe('Functions of whose build the digest is unknown'),
    newest: z
      .object({
        digest: digestSchema,
        since: z.iso.datetime().describe('The start of the first attempt, or the check, that saw it'),
      })
      .meta({ id: 'NewestBaseImageDigest' })
      .optional()
      .describe(
        'The newest digest that a check at the registry or a build of the tenant saw. Absent for a pinned reference, and when neither saw one for 90 days',
      ),
    behind: z
      .int()
      .describe(
        'Functions with a known digest that is not the newest, nor one with the same image for their platforms',
      ),
    checked_at: z.iso
      .datetime()
      .optional()
      .describe('The last check at the registry that got a digest. Absent before the first check'),
    changed_at: z.iso
      .datetime()
      .optional()
      .describe('The last check that saw another image than the check before'),
    check_error: z
      .object({
        code: z.string(),
        detail: z.string(),
        since: z.iso.datetime().describe('The first of the checks in a row that ended with this code'),
      })
      .meta({ id: 'BaseImageCheckError' })
      .optional()
      .describe('Why the last check got no digest. `newest` may be old then'),
  })
  .meta({ id: 'BaseImage' });
type BaseImageView = z.infer<typeof baseImageSchema>;

const pageSchema = z
  .object({
    base_images: z.array(baseImageSchema),
    next_cursor: z.string().optional().describe('Absent on the last page'),
  })
  .meta({ id: 'BaseImagePage' });

export function baseImageEndpoint({ functions }: BaseImageEndpointsDeps): Endpoint {
  return endpoint(
    {
      id: 'listBaseImages',
      method: 'get',
      path: '/v1/base-images',
      scope: 'jobs:read',
      tag: 'Functions',
      summary: 'Base images of all functions, by reference',
      query,
      answers: { 200: { description: 'A page', content: { 'application/json': pageSchema } } },
      errors: ['request_invalid'],
    },
    async ({ query: { base_image, behind, limit, cursor }, res }) => {
      const all = await functions.baseImages(accountOf(res).name);
      const found = all.filter(
        (image) =>
          (cursor === undefined || image.reference > cursor) &&
          (base_image === undefined || baseImageFits(base_image, image.reference)) &&
          (behind === undefined || image.behind > 0 === (behind === 'true')),
      );
      const page = found.slice(0, limit);
      res.json({
        base_images: page.map(viewOf),
        ...(found.length > limit && { next_cursor: page.at(-1)?.reference }),
      });
    },
  );
}

const iso = (ms: number) => new Date(ms).toISOString();

function viewOf({ reference, functions, digests, newest, behind, watched }: BaseImageUse): BaseImageView {
  const { checkedAt, changedAt, error } = watched;
  const known = digests.reduce((sum, each) => sum + each.functions, 0);
  return {
    reference,
    functions,
    digests: digests.slice(0, maxDigests).map((each) => ({ ...each })),
    unknown: functions - known,
    ...(newest && { newest: { digest: newest.digest, since: iso(newest.since) } }),
    behind,
    ...(checkedAt !== undefined && { checked_at: iso(checkedAt) }),
    ...(changedAt !== undefined && { changed_at: iso(changedAt) }),
    ...(error && { check_error: { code: error.code, detail: error.detail, since: iso(error.since) } }),
  };
}
