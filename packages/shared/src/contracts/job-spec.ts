import { z } from 'zod';
import { canonicalImage } from './base-image.js';
import { gitSchema, innerPathSchema, takenGitSchema } from './git.js';
import { parseImageReference } from './image-reference.js';
import { priorityClasses } from './names.js';
import { platformSchema, platformsSchema, poolNameSchema } from './pool.js';

const dnsLabel = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const defaultNamespace = 'openfaas-fn';

export const imageSchema = z
  .string()
  .max(4096)
  .refine((text) => parseImageReference(text) !== undefined, {
    message: 'is not an image reference: [registry[:port]/]repository[:tag], lower case',
    params: { code: 'image_invalid' },
  })
  .refine((text) => parseImageReference(text)?.digest === undefined, {
    message: 'must not carry a digest: the build decides it',
    params: { code: 'image_invalid' },
  })
  .describe('The image to push to, in the grammar of the OCI distribution project');

export const digestSchema = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits')
  .describe('SHA-256 of the canonical manifest of the files');

export const functionSchema = z
  .string()
  .regex(new RegExp(`^(?:${dnsLabel}/)?${dnsLabel}$`), 'must be name or namespace/name, each a DNS label')
  .transform((text) => (text.includes('/') ? text : `${defaultNamespace}/${text}`))
  .describe(`The function, as name or namespace/name; the default namespace is ${defaultNamespace}`);

const hasCredentials = ({ username, password }: URL) => username !== '' || password !== '';

export const callbackUrlSchema = z
  .url({ protocol: /^https?$/, message: 'must be an http or https URL' })
  .max(2048)
  .refine((text) => URL.canParse(text) && !hasCredentials(new URL(text)), 'must not carry credentials');

/** A key in the format of Standard Webhooks 1.0. */
export const callbackSecretSchema = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'must be whsec_ and 24 to 64 bytes in base64');

export const callbackSchema = z
  .strictObject({
    url: callbackUrlSchema,
    secret: callbackSecretSchema
      .optional()
      .describe(
        'Signs this callback (Standard Webhooks); tenants other than `default` must give one; unset means the key of the installation. Never shown again',
      ),
  })
  .meta({ id: 'Callback' })
  .describe('Receives the end of the job');

/** A callback as the API shows it. */
export const callbackViewSchema = z.object({ url: z.string() }).meta({ id: 'CallbackUrl' });

const argName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,255}$/, 'must be letters, digits and `_.-`, beginning with no digit');
const labelName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/, 'must be 1 to 63 letters, digits, . _ / -');
const labelValue = z
  .string()
  .regex(/^[A-Za-z0-9._/@:+-]{0,128}$/, 'must be up to 128 letters, digits, . _ / @ : + -');

const inlineFiles = z
  .record(z.string().min(1).max(4096), z.string())
  .refine((files) => Object.keys(files).length > 0, 'must hold at least one file')
  .meta({ minProperties: 1 })
  .describe('The files themselves, as a map from path to text');

/** The source of a job, as the caller submits it. */
const sourceInputSchema = z
  .union([
    z.strictObject({ digest: digestSchema }).meta({ id: 'UploadedSource', description: 'Uploaded before' }),
    z
      .strictObject({ git: gitSchema })
      .meta({ id: 'GitSource', description: 'Fetched when the job is submitted' }),
    z.strictObject({ files: inlineFiles }).meta({ id: 'InlineSource', description: 'Sent along' }),
  ])
  .meta({ id: 'JobSource', 'x-exclusive': true });

/** `name`, or `name@ref` as `faas-cli` pins it. A ref is a tag, a branch or `sha-` and a commit. */
export const templateNameSchema = z
  .string()
  .max(192)
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}(?:@(?=.{1,128}$)[A-Za-z0-9_][A-Za-z0-9._+-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._+-]*)*)?$/,
    'must be 1 to 63 lower-case letters, digits, . _ -, and may end in @ and up to 128 letters, digits, . _ + - /',
  );

/** The files of a template that a client uploaded with `POST /v1/sources`. */
const laidOverSchema = z.strictObject({
  name: templateNameSchema.describe('The name of the template; rebuilds select by it'),
  digest: digestSchema,
  handler_folder: innerPathSchema
    .or(z.literal(''))
    .default('function')
    .describe('The folder that the source is merged into; empty for the root'),
});

const atMost = <T extends z.ZodType>(schema: T, count: number) =>
  schema
    .refine((value) => Object.keys(value as object).length <= count, `must hold at most ${count} entries`)
    .meta({ maxProperties: count });

export const labelsSchema = atMost(z.record(labelName, labelValue), 32).meta({ id: 'Labels' });

export const buildArgsSchema = atMost(z.record(argName, z.string().max(32_768)), 256).meta({
  id: 'BuildArgs',
});

/** Map fields of a job. Batch defaults, an item and a rebuild each add entries to them. */
export const mapFields = ['build_args', 'labels', 'image_labels', 'annotations'] as const;

/** Excludes control characters, in a form that regular expressions of every language understand. */
const printable = /^(?:[ -~]|[^\0-\x9f])*$/;
/** Engines read names and values from command lines and lists. */
const textsSchema = (name: z.ZodString) =>
  atMost(
    z.record(name.max(255), z.string().max(4096).regex(printable, 'must not hold control characters')),
    64,
  );
const imageLabelsSchema = textsSchema(
  z
    .string()
    .regex(
      /^[A-Za-z0-9](?:[A-Za-z0-9._/:@+-]*[A-Za-z0-9])?$/,
      'must be letters, digits and `._/:@+-`, beginning and ending with a letter or digit',
    ),
).meta({ id: 'ImageLabels' });
/** BuildKit writes the names in lower case. */
const annotationsSchema = textsSchema(
  z
    .string()
    .regex(
      /^[a-z0-9](?:[a-z0-9._/:@+-]*[a-z0-9])?$/,
      'must be lower-case letters, digits and `._/:@+-`, beginning and ending with a letter or digit',
    ),
).meta({ id: 'Annotations' });

const dockerfileSchema = innerPathSchema
  .regex(printable, 'must not hold control characters')
  .refine((path) => path !== '', {
    message: 'must name a file of the source',
    when: ({ issues }) => issues.length === 0,
  });
const distinctImages = (images: readonly string[]) =>
  new Set(images.map((image) => canonicalImage(image))).size === images.length;

/** Options of `docker build` that a job may set besides its arguments and platforms. An absent option has the builder's default. */
export const buildOptions = {
  dockerfile: dockerfileSchema
    .optional()
    .describe('The path of the Dockerfile in the context; default `Dockerfile`'),
  target: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, 'must be the name of a stage: letters, digits and `_.-`')
    .optional()
    .describe('The stage to build; default: the last one'),
  tags: z
    .array(imageSchema)
    .max(16)
    .refine(distinctImages, 'must not name an image twice')
    .meta({ uniqueItems: true })
    .optional()
    .describe('More references to push the same image to; none of them may be `image`'),
  image_labels: imageLabelsSchema.optional().describe('Labels of the image; `labels` are those of the job'),
  annotations: annotationsSchema.optional().describe('Annotations of the manifest of the image'),
  no_cache: z.boolean().optional().describe('True runs every step again, without cached layers'),
  pull: z
    .boolean()
    .optional()
    .describe('True looks up base images in their registry even if the engine has them'),
};

/** The commit of a build. CI systems show the build's state on it. */
export const vcsSchema = z
  .strictObject({
    repo: z
      .string()
      .max(255)
      .regex(
        /^(?!(?:.*\/)?\.\.?(?:\/|$))[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)+$/,
        'must be owner/name, without `.` or `..`',
      )
      .describe('The name of the repository at its host: owner/name, or group/subgroup/name'),
    sha: z.string().regex(/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/, 'must be a whole commit id'),
  })
  .meta({ id: 'Vcs' });
export type Vcs = z.output<typeof vcsSchema>;

/** Priority classes of jobs. All jobs of a class run before those of the next. */
export const prioritySchema = z.enum(priorityClasses).meta({ id: 'Priority' });

const common = {
  image: imageSchema,
  function: functionSchema.optional(),
  build_args: buildArgsSchema.default({}),
  ...buildOptions,
  platforms: platformsSchema
    .default([])
    .describe(
      "In Docker's spellings, stored in normal form: `linux/x86_64` is `linux/amd64`. Empty means the builder's own",
    ),
  pool: poolNameSchema.optional(),
  priority: prioritySchema
    .default('normal')
    .describe('Jobs of a higher class go first; within a class tenants take turns'),
  push: z.boolean().default(true).describe('False builds without pushing'),
  sbom: z
    .boolean()
    .default(false)
    .describe('True pushes a bill of materials beside the image (BuildKit builders)'),
  provenance: z
    .boolean()
    .default(false)
    .describe('True pushes SLSA provenance beside the image (BuildKit builders)'),
  timeout: z
    .int()
    .min(1)
    .max(24 * 3600)
    .optional()
    .describe('Seconds that one attempt may take'),
  labels: labelsSchema.default({}),
  callback: callbackSchema.optional(),
  vcs: vcsSchema
    .optional()
    .describe(
      'The commit that the image is built from, for messages to CI; default: the commit of a git source',
    ),
  skip_if_unchanged: z
    .boolean()
    .default(false)
    .describe(
      'True: if the last build of the image had the same input, the job succeeds at once with that result',
    ),
  force: z
    .boolean()
    .default(false)
    .describe('True always builds: the job neither skips the build nor shares that of an identical job'),
};

/** The body of `POST /v1/jobs`. */
export const jobRequestSchema = z
  .strictObject({
    ...common,
    priority: prioritySchema
      .optional()
      .describe(
        'Jobs of a higher class go first; within a class tenants take turns. Default: `normal`, or the highest class of the tenant if that is lower',
      ),
    source: sourceInputSchema.describe('The build context, or with a template the handler'),
    secrets: z
      .string()
      .max(64 * 1024)
      .optional()
      .describe('Sealed build secrets: the text of a `com.openfaas.secrets` (Function Builder API)'),
    template: templateNameSchema
      .optional()
      .describe('A template of the installation. The source is merged into it as its handler'),
    laid_over: laidOverSchema
      .optional()
      .describe(
        'A template that was uploaded as a source, instead of `template`. The source is merged into it as its handler',
      ),
  })
  .meta({ id: 'JobRequest' });
export type JobRequest = z.output<typeof jobRequestSchema>;

/** The public part of sealed build secrets. */
export const secretsViewSchema = z
  .object({
    key_id: z.string().describe('The id of the key that opens them'),
    names: z.array(z.string()),
  })
  .meta({ id: 'SealedSecrets' });

/** The resolved spec of a job: all references of the request are looked up. */
export const jobSpecSchema = z
  .strictObject({
    ...common,
    // Records of earlier versions may hold a platform in two spellings.
    platforms: z
      .array(platformSchema)
      .overwrite((list) => [...new Set(list)])
      .default([])
      .describe("Empty means the builder's own"),
    source: z
      .object({
        digest: digestSchema,
        git: takenGitSchema.optional().describe('The git folder that the source came from'),
      })
      .meta({ id: 'ResolvedSource' }),
    template: z
      .object({
        name: templateNameSchema,
        digest: digestSchema,
        handler_folder: innerPathSchema
          .or(z.literal(''))
          .describe('The folder for the handler; empty for the root of the template'),
        uploaded: z
          .literal(true)
          .optional()
          .describe(
            "True if the template's files came with the job, so that the installation needs no template of this name",
          ),
      })
      .meta({ id: 'ResolvedTemplate' })
      .optional()
      .describe('The version of the template that the source is merged into, and the folder'),
    secrets: secretsViewSchema.extend({ sealed: z.string() }).optional(),
    callback: callbackSchema
      .extend({
        unless_digest: z
          .string()
          .optional()
          .describe(
            'Of a campaign with `only_changed`: the callback receives only a success with another digest; empty when no digest is known',
          ),
      })
      .optional(),
  })
  .meta({ id: 'JobSpec' });

export type JobSpec = z.output<typeof jobSpecSchema>;

export type BuildOption = keyof typeof buildOptions;
export type BuildOptions = Partial<Pick<JobSpec, BuildOption>>;

/** Returns the options with an effect: not false, not empty, and not the default Dockerfile. Any builder can build a job without them. */
export function buildOptionsOf(spec: BuildOptions): BuildOptions {
  const given = (Object.keys(buildOptions) as BuildOption[])
    .map((name) => [name, spec[name]] as const)
    .filter(([, value]) => (typeof value === 'object' ? Object.keys(value).length > 0 : Boolean(value)))
    .filter(([name, value]) => name !== 'dockerfile' || value !== 'Dockerfile');
  return Object.fromEntries(given);
}
