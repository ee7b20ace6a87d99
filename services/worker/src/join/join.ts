import type { JobRecord, JobStore } from '@slipway/control-plane/jobs';
import { type Base, type JobResult, parseImageReference } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { untilAborted } from '@slipway/shared/lifecycle';
import type { RegistryConfig } from '../registry/config.js';
import { imageIndex, indexType, type PartManifest } from './image-index.js';
import { openRepository } from './registry.js';

export interface JoinDeps {
  readonly store: Pick<JobStore, 'get'>;
  readonly registries: RegistryConfig;
}

interface JoinOptions {
  readonly record: JobRecord;
  readonly signal: AbortSignal;
  readonly onLog: (lines: readonly string[]) => void;
}

interface Joined {
  readonly result: JobResult;
  /** The base images of all parts. They have no `platform_digest`, which differs between platforms. */
  readonly bases: readonly Base[];
}

/**
 * Makes one image of the images that the parts of a job have pushed: an index under the job's reference and its tags, which refers to them by
 * digest. The parts have pushed to each repository that the tags name. Throws errors of the registry, or the signal's reason.
 */
export async function joinParts(
  { record, signal, onLog }: JoinOptions,
  { store, registries }: JoinDeps,
): Promise<Joined> {
  const since = performance.now();
  const { image, tags = [], annotations, push } = record.spec;
  const took = () => Math.round(performance.now() - since);
  const built = await partsOf(record, store);
  const bases = built.flatMap(({ part }) =>
    (part.usedBases ?? []).map(({ platform_digest: _platform, ...base }) => base),
  );
  if (!push) return { result: { image, duration_ms: took() }, bases };
  const repository = openRepository(image, registries);
  const parts: PartManifest[] = [];
  for (const { part, pool, platforms } of built) {
    // Builders that do not say the digest have pushed the tag just now.
    const reference = part.result?.digest ?? tagOf(part.spec.image);
    const manifest = await untilAborted(repository.manifest(reference), signal);
    onLog([`${platforms.join(', ')} by pool ${pool}: ${manifest.digest}`]);
    parts.push({ ...manifest, platforms });
  }
  const index = imageIndex(parts, annotations);
  let digest = '';
  // `image` is pushed last: once it exists, the job is done.
  for (const reference of [...tags, image]) {
    const target = reference === image ? repository : openRepository(reference, registries);
    digest = await untilAborted(target.push(index, { tag: tagOf(reference), mediaType: indexType }), signal);
    onLog([`pushed the index ${digest} as ${reference}`]);
  }
  return { result: { image, digest, duration_ms: took() }, bases };
}

async function partsOf(record: JobRecord, store: JoinDeps['store']) {
  const parts = [];
  for (const { id, pool, platforms } of record.parts ?? []) {
    const part = await store.get(id);
    if (!part) throw new SlipwayError('internal', `The record of the part ${id} is gone.`);
    parts.push({ part, pool, platforms });
  }
  return parts;
}

const tagOf = (image: string) => parseImageReference(image)?.tag ?? 'latest';
