import { z } from 'zod';
import type { Base } from './base-image.js';
import { parseImageReference } from './image-reference.js';

/** Names and schemas of the Function Builder API (protocol.md). */
export const configEntry = 'com.openfaas.docker.config';
export const secretsEntry = 'com.openfaas.secrets';
/** Set in each answer of a Slipway builder: one of `reportedEngines`, or `unknown` until the builder knows it. Other builders of the Function Builder API do not send it. */
export const engineHeader = 'x-slipway-engine';
/** Set in each answer of a Slipway builder: a comma-separated list of `builderFeatures`. Other builders do not send it. */
export const featuresHeader = 'x-slipway-features';
/** Set in each answer of a Slipway builder: a text that is new at each start of the process. */
export const instanceHeader = 'x-slipway-instance';
/**
 * `build-options`: the builder reads the optional keys of `builderConfigSchema` from `dockerfile` to `pull`.
 * `attachable-builds`: the builder keeps a build with an id when its caller is gone (docs/function-builder-api.md).
 */
export const builderFeatures = ['build-options', 'attachable-builds'] as const;
export type BuilderFeature = (typeof builderFeatures)[number];
/** Set in a worker's request: `required` makes a builder refuse the build unless its engine isolates builds from the machine and from each other. */
export const isolationHeader = 'x-slipway-isolation';

/** Set in `POST /build`: the id that the caller chose for the build. `GET` and `DELETE /builds/{id}` name it. */
export const buildIdHeader = 'x-slipway-build';
const buildIdPattern = /^[A-Za-z0-9_-]{1,128}$/;
export const isBuildId = (text: string): boolean => buildIdPattern.test(text);
/** Returns the path of a build, with the number of the first log line to stream. */
export const buildPath = (id: string, from?: number): string =>
  `/builds/${id}${from === undefined ? '' : `?from=${from}`}`;

export const contextFolder = 'context';
/** The Go SDK reads the stream with a line scanner limited to 64 KiB. */
export const maxStreamLineBytes = 60 * 1024;

/** Schema of `com.openfaas.docker.config`. `platforms: [""]`, as `faas-cli` may send it, means absent. */
export const builderConfigSchema = z.object({
  image: z.string().refine((text) => parseImageReference(text) !== undefined, 'is not an image reference'),
  buildArgs: z.record(z.string(), z.string()).nullish(),
  platforms: z.array(z.string()).nullish(),
  skipPush: z.boolean().nullish(),
  /** Attestations to push beside the image (BuildKit). Only Slipway knows this key and `provenance`. */
  sbom: z.boolean().nullish(),
  provenance: z.boolean().nullish(),
  /** The path of the Dockerfile within the context. Only Slipway knows this key and all keys below. */
  dockerfile: z.string().nullish(),
  /** The stage to build. Absent means the last one. */
  target: z.string().nullish(),
  /** Full image references to push beside `image`. */
  tags: z.array(z.string()).nullish(),
  /** Labels of the image. */
  labels: z.record(z.string(), z.string()).nullish(),
  /** Annotations of the manifest. */
  annotations: z.record(z.string(), z.string()).nullish(),
  /** True runs every step again, without cached layers. */
  noCache: z.boolean().nullish(),
  /** True looks up base images in their registry even if the engine has them. */
  pull: z.boolean().nullish(),
});
export type BuilderConfig = z.infer<typeof builderConfigSchema>;

/** The answer of `GET /publickey`: the key that clients seal build secrets with. */
export const publicKeySchema = z
  .object({
    key_id: z.string().max(64).describe('The first 8 characters of the public key'),
    algorithm: z.literal('nacl/box'),
    public_key: z.base64().length(44).describe('32 bytes, in base64'),
  })
  .meta({ id: 'PublicKey' });
export type PublicKey = z.infer<typeof publicKeySchema>;

export type BuilderStatus = 'in_progress' | 'success' | 'failed';

/** A line of a streamed answer, or a whole buffered answer. */
export interface BuilderResult {
  readonly log?: readonly string[];
  /**
   * Only of a build with an id. Beside `log`: the number of its first line, counted from 0 over the build. In the result: the count
   * of all lines. A number above what a reader expects shows that lines in between were dropped.
   */
  readonly line?: number;
  readonly image?: string;
  readonly status: BuilderStatus;
  readonly error?: string;
  /** An error code of the table. Other builders do not send it. */
  readonly code?: string;
  /** `sha256:…` of the pushed manifest. Other builders do not send it. */
  readonly digest?: string;
  /**
   * The base images that a successful build used, each with the digest that its reference had. A reference may occur twice, with two
   * digests. At most `maxBasesBytes` as JSON; more are left out. Other builders do not send it.
   */
  readonly bases?: readonly Base[];
  /** Duration in seconds. */
  readonly duration?: number;
  /** True in a line of a stream: the builder takes no more builds, and finishes this one. Other builders do not send it. */
  readonly draining?: boolean;
}
