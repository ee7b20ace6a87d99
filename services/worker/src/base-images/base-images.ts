import type { JobRecord } from '@slipway/control-plane/jobs';
import type { JobSpec } from '@slipway/shared/contracts';
import type { BaseImageCache } from '@slipway/shared/dockerfile';
import type { Logger } from '@slipway/shared/logger';
import { findDockerfile, layeredContext, layersOf, type SourceReader } from '@slipway/source';

/** Limit of a Dockerfile. Parsing blocks the worker, for up to 200 ms if this many bytes are hostile. */
const maxDockerfileBytes = 512 * 1024;

interface BaseImagesDeps {
  readonly sources: SourceReader;
  readonly cache: BaseImageCache;
  readonly logger: Logger;
}

/**
 * Returns the images that a job's image is made from, as far as its Dockerfile tells. Never rejects; undefined when the Dockerfile cannot be
 * read. A job without a function has them too: a function may share its image.
 */
export async function baseImagesOf(
  record: JobRecord,
  { sources, cache, logger }: BaseImagesDeps,
): Promise<readonly string[] | undefined> {
  try {
    const dockerfile = await readDockerfile(record.spec, sources);
    const { build_args: buildArgs, platforms, target } = record.spec;
    return dockerfile === undefined ? [] : cache.of({ dockerfile, buildArgs, platforms, target });
  } catch (error) {
    logger.warn({ err: error, job_id: record.id }, 'base images not read');
    return undefined;
  }
}

/** Returns the text of the file that a builder reads as the Dockerfile; undefined when it is too long. */
async function readDockerfile(spec: JobSpec, sources: SourceReader): Promise<string | undefined> {
  const context = await layeredContext({ sources, layers: layersOf(spec) });
  const path = await findDockerfile(context, spec.dockerfile ?? 'Dockerfile');
  const entry = await context.entry(path);
  if (entry?.type !== 'file' || entry.size > maxDockerfileBytes) return undefined;
  return Buffer.from(await context.read(path)).toString();
}
