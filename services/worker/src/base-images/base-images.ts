import type { JobRecord } from '@slipway/control-plane/jobs';
import { type Base, canonicalImage, type JobSpec, parseImageReference } from '@slipway/shared/contracts';
import type { BaseImageCache } from '@slipway/shared/dockerfile';
import { BaseList } from '@slipway/shared/function-builder';
import type { Logger } from '@slipway/shared/logger';
import { findDockerfile, layeredContext, layersOf, type SourceReader } from '@slipway/source';
import type { ReportedBases } from '../builder-client/answer.js';

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

interface UsedBases {
  /** In canonical spelling, each once. */
  readonly baseImages: string[];
  readonly bases: Base[];
}

/**
 * Returns the base images of a build with the digests that it used. `named` are the references of the Dockerfile, which have their own digest if it
 * pins them. Otherwise the replica reported the digest; if it reported two for a reference, the digest is unknown. Images that only
 * the result names, such as those of triggers in a base image, count too. Undefined when nothing is known.
 */
export function usedBases(
  named: readonly string[] | undefined,
  reported: ReportedBases,
): UsedBases | undefined {
  if (named === undefined && (reported.from === 'log' || reported.list.length === 0)) return undefined;
  const found = new Map<string, Base[]>();
  for (const base of reported.list) {
    const digest = base.digest ?? parseImageReference(base.reference)?.digest;
    const key = withoutDigest(base.reference);
    found.set(key, [...(found.get(key) ?? []), { ...base, ...(digest && { digest }) }]);
  }
  const pins = new Set((named ?? []).map(pairOf));
  const all = new Map<string, Base>();
  for (const reference of named ?? []) all.set(reference, digestsOf(reference, found, pins));
  const keys = new Set((named ?? []).map(withoutDigest));
  if (reported.from === 'result') {
    for (const { reference } of reported.list) {
      if (!keys.has(withoutDigest(reference))) all.set(reference, digestsOf(reference, found, pins));
    }
  }
  const list = new BaseList();
  for (const base of all.values()) list.add(base);
  return { baseImages: [...all.keys()], bases: list.values() };
}

function digestsOf(reference: string, found: ReadonlyMap<string, Base[]>, pins: ReadonlySet<string>): Base {
  const pin = parseImageReference(reference)?.digest;
  const key = withoutDigest(reference);
  const reported = found.get(key) ?? [];
  const free = reported.filter(({ digest }) => !pins.has(`${key}@${digest}`));
  const pinned = reported.filter(({ digest }) => digest === pin);
  const candidates = pin !== undefined ? pinned : free.length > 0 ? free : reported;
  const isClear = new Set(candidates.map(({ digest }) => digest)).size === 1;
  const [first] = isClear ? candidates : [];
  const digest = pin ?? first?.digest;
  return {
    reference,
    ...(digest !== undefined && { digest }),
    ...(first?.platform_digest !== undefined && { platform_digest: first.platform_digest }),
  };
}

/** Returns the canonical reference without a digest, with the tag that is meant. */
function withoutDigest(reference: string): string {
  const name = reference.split('@', 1)[0] ?? '';
  return canonicalImage(name) ?? name;
}

const pairOf = (reference: string) => `${withoutDigest(reference)}@${parseImageReference(reference)?.digest}`;
