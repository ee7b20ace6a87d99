import type { JobRecord } from '@slipway/control-plane/jobs';
import type { Secret } from '@slipway/shared/config';
import { type BuilderConfig, buildOptionsOf, type JobSpec } from '@slipway/shared/contracts';
import { infrastructureFault, SlipwayError } from '@slipway/shared/errors';
import { createPayload, layersOf, type Payload, type SourceReader } from '@slipway/source';
import type { IsolationKey } from '../isolation/isolation-key.js';

import type { Phases } from './phases.js';

/** A payload that is ready to send, or the failure to make it. */
export type Prepared =
  | { readonly ready: true; readonly payload: Payload; readonly signature: string }
  | { readonly ready: false; readonly failure: SlipwayError };

interface PrepareDeps {
  readonly isolation: Pick<IsolationKey, 'argumentsOf'>;
  readonly sources: SourceReader;
  readonly payloadSecret: Secret;
}

/**
 * Assembles and signs the payload of a job. Reads the source once; sending it reads it again. Rejects with the errors of
 * `IsolationKey.argumentsOf`, which are no fault of the job.
 */
export async function prepare(
  record: JobRecord,
  phases: Phases,
  { isolation, sources, payloadSecret }: PrepareDeps,
): Promise<Prepared> {
  const buildArgs = await isolation.argumentsOf(record.tenant, record.spec.build_args);
  try {
    const assembling = createPayload({
      sources,
      layers: layersOf(record.spec),
      config: builderConfig(record.spec, buildArgs),
      ...(record.spec.secrets && { secrets: Buffer.from(record.spec.secrets.sealed) }),
    });
    const payload = await phases.time('assemble payload', assembling);
    const signature = await phases.time('sign payload', payload.sign(payloadSecret));
    return { ready: true, payload, signature };
  } catch (error) {
    return { ready: false, failure: asSlipwayError(error) };
  }
}

/** Returns any thrown value as an error with a code. */
export function asSlipwayError(error: unknown): SlipwayError {
  if (error instanceof SlipwayError) return error;
  return infrastructureFault(error) ?? new SlipwayError('internal', undefined, { cause: error });
}

function builderConfig(spec: JobSpec, buildArgs: Readonly<Record<string, string>>): BuilderConfig {
  return {
    image: spec.image,
    buildArgs,
    ...(spec.platforms.length > 0 && { platforms: spec.platforms }),
    ...(!spec.push && { skipPush: true }),
    ...(spec.sbom && { sbom: true }),
    ...(spec.provenance && { provenance: true }),
    ...builderOptions(spec),
  };
}

/** Returns the options of the spec under the names of the builder's configuration. */
function builderOptions(spec: JobSpec): Partial<BuilderConfig> {
  const { image_labels: labels, no_cache: noCache, ...others } = buildOptionsOf(spec);
  return { ...others, ...(labels && { labels }), ...(noCache && { noCache }) };
}
