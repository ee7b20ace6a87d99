import { contextFolder } from '@slipway/shared/contracts';
import type { JobRecord } from '@slipway/shared/jobs';
import type { Logger } from '@slipway/shared/logger';
import { layersOf, readSourceFile, type SourceReader } from '@slipway/shared/source';

import { parseBaseImages } from './parse.js';

/** Hundreds of times what a Dockerfile takes; the parser needs up to a fifth of a second for so many hostile bytes. */
const maxDockerfileBytes = 64 * 1024;

interface BaseImagesDeps {
  readonly sources: SourceReader;
  readonly logger: Logger;
}

/**
 * What the stages of a job's Dockerfile begin from, as far as that can be told: never rejects. Undefined for a job that
 * builds no function, because nobody asks for it.
 */
export async function baseImagesOf(
  record: JobRecord,
  { sources, logger }: BaseImagesDeps,
): Promise<string[] | undefined> {
  if (record.spec.function === undefined) return undefined;
  try {
    const dockerfile = await readDockerfile(record, sources);
    return dockerfile === undefined ? [] : parseBaseImages(dockerfile, record.spec.build_args);
  } catch (error) {
    logger.warn({ err: error, job_id: record.id }, 'the base images cannot be told');
    return [];
  }
}

/** That of the last layer which has one: as it is laid over the others. */
async function readDockerfile(record: JobRecord, sources: SourceReader): Promise<string | undefined> {
  for (const { digest, at } of layersOf(record.spec).toReversed()) {
    if (at !== contextFolder) continue;
    const found = await readSourceFile({
      sources,
      digest,
      path: 'Dockerfile',
      maxBytes: maxDockerfileBytes,
    });
    if (found !== 'missing') return found === 'large' ? undefined : found.toString();
  }
  return undefined;
}
