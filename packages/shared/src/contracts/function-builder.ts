import { z } from 'zod';
import { parseImageReference } from './image-reference.js';

/** Names and shapes of the Function Builder API (protocol.md). */
export const configEntry = 'com.openfaas.docker.config';
export const secretsEntry = 'com.openfaas.secrets';
/** In each answer of a Slipway builder: one of `engineNames`. Other builders of the Function Builder API do not send it. */
export const engineHeader = 'x-slipway-engine';
export const engineNames = ['buildkit', 'buildah'] as const;
export type EngineName = (typeof engineNames)[number];
/** In each answer of a Slipway builder: a comma-separated list of `builderFeatures`. Other builders do not send it. */
export const featuresHeader = 'x-slipway-features';
/** `build-options`: the builder reads the optional keys of `builderConfigSchema` from `dockerfile` to `pull`. */
export const builderFeatures = ['build-options'] as const;
export type BuilderFeature = (typeof builderFeatures)[number];
/** In a request of a worker: `required` makes a builder refuse the build unless its engine keeps builds away from the machine and from each other. */
export const isolationHeader = 'x-slipway-isolation';

export const contextFolder = 'context';
/** The Go SDK reads the stream with a line scanner limited to 64 KiB. */
export const maxStreamLineBytes = 60 * 1024;

/** `com.openfaas.docker.config`. `platforms: [""]`, as `faas-cli` may send it, means absent. */
export const builderConfigSchema = z.object({
  image: z.string().refine((text) => parseImageReference(text) !== undefined, 'is not an image reference'),
  buildArgs: z.record(z.string(), z.string()).nullish(),
  platforms: z.array(z.string()).nullish(),
  skipPush: z.boolean().nullish(),
  /** Ours alone, as is `provenance`: attestations to push beside the image (BuildKit). */
  sbom: z.boolean().nullish(),
  provenance: z.boolean().nullish(),
  /** Ours alone, as are all keys below: the path of the Dockerfile within the context. */
  dockerfile: z.string().nullish(),
  /** The stage to build. Absent means the last one. */
  target: z.string().nullish(),
  /** Full image references to push beside `image`. */
  tags: z.array(z.string()).nullish(),
  /** Labels of the image. */
  labels: z.record(z.string(), z.string()).nullish(),
  /** Annotations of the manifest. */
  annotations: z.record(z.string(), z.string()).nullish(),
  /** Whether to run every step again, without cached layers. */
  noCache: z.boolean().nullish(),
  /** Whether to look up base images in their registry even where the engine has them. */
  pull: z.boolean().nullish(),
});
export type BuilderConfig = z.infer<typeof builderConfigSchema>;

/** `GET /publickey`: what build secrets are sealed with. */
export const publicKeySchema = z
  .object({
    key_id: z.string().max(64).describe('The first 8 characters of the public key'),
    algorithm: z.literal('nacl/box'),
    public_key: z.base64().length(44).describe('32 bytes, in base64'),
  })
  .meta({ id: 'PublicKey' });
export type PublicKey = z.infer<typeof publicKeySchema>;

export type BuilderStatus = 'in_progress' | 'success' | 'failed';

/** One line of a stream, or the whole buffered answer, as we write it. */
export interface BuilderResult {
  readonly log?: readonly string[];
  readonly image?: string;
  readonly status: BuilderStatus;
  readonly error?: string;
  /** An error code of the table; ours alone, other builders do not send it. */
  readonly code?: string;
  /** `sha256:…` of the pushed manifest; ours alone. */
  readonly digest?: string;
  /** Seconds. */
  readonly duration?: number;
}
