import type { Base } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import { type Fields, listField, type RecordFaults, readRecords } from '../records/index.js';
import { basesOf, sharedValuesFrom } from '../stored/index.js';

/** A base image of the functions of a tenant. */
export interface BaseImageUse {
  /** In canonical spelling. */
  readonly reference: string;
  /** Number of functions whose last success used it. */
  readonly functions: number;
  /** The digests in use, with the number of functions of each; most functions first. */
  readonly digests: readonly { readonly digest: string; readonly functions: number }[];
  /** The newest digest that a build of the tenant saw. Undefined for a pinned reference, and if no build reported a digest for 90 days. */
  readonly newest: SeenDigest | undefined;
  /** Number of functions with a known digest other than the newest. */
  readonly behind: number;
}

interface SeenDigest {
  readonly digest: string;
  /** The time at which the first attempt that saw it began, in ms since the epoch. */
  readonly since: number;
}

interface ReadOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly tenant: string;
  readonly faults: RecordFaults;
}

/** Functions read at once. */
const run = 500;
const fieldNames = ['built_base_images', 'built_shared'] as const;

/**
 * Returns the base images of a tenant's functions, by reference. Reads two fields of each function, and each list of base images that they share
 * once.
 */
export async function readBaseImages(options: ReadOptions): Promise<BaseImageUse[]> {
  const { redis, keys, tenant } = options;
  const seen = await redis.hgetall(keys.basesSeen(tenant));
  const counts = new Map<string, Map<string, number>>();
  const names = keys.functions(tenant);
  let start = '-';
  for (;;) {
    const found = await redis.zrangebylex(names, start, '+', 'LIMIT', 0, run);
    for (const { bases } of await readRun(options, found)) {
      for (const { reference, digest = '' } of bases) {
        const digests = counts.get(reference) ?? new Map<string, number>();
        digests.set(digest, (digests.get(digest) ?? 0) + 1);
        counts.set(reference, digests);
      }
    }
    if (found.length < run) break;
    start = `(${found.at(-1)}`;
  }
  return [...counts.keys()].toSorted().map((reference) => {
    const digests = counts.get(reference) ?? new Map<string, number>();
    return useOf(reference, digests, seenDigest(seen[reference]));
  });
}

/** Returns the base images of each function that was built. */
async function readRun(
  { redis, keys, tenant, faults }: ReadOptions,
  names: readonly string[],
): Promise<{ readonly bases: readonly Base[] }[]> {
  const pipeline = redis.pipeline();
  for (const name of names) pipeline.hmget(keys.functionRecord(tenant, name), ...fieldNames);
  const replies = ((await pipeline.exec()) ?? []).map(([error, values]): [Error | null, Fields] => [
    error,
    fieldsOf((values ?? []) as (string | null)[]),
  ]);
  const hashes = new Set(replies.flatMap(([, { built_shared }]) => hashOfBases(built_shared) ?? []));
  const wanted = [...hashes];
  const reading = redis.pipeline();
  for (const hash of wanted) reading.hget(keys.sharedValue(tenant, hash), 'value');
  const texts = (await reading.exec()) ?? [];
  const values = sharedValuesFrom(wanted.flatMap((hash, at) => [hash, String(texts[at]?.[1] ?? '')]));
  return readRecords({
    kind: 'function',
    ids: names,
    replies,
    faults,
    parse: (_name, fields) => ({
      bases:
        basesOf(fields.built_shared, values) ??
        listField<string>(fields, 'built_base_images').map((reference) => ({ reference })),
    }),
  });
}

const fieldsOf = (values: readonly (string | null)[]): Fields =>
  Object.fromEntries(fieldNames.flatMap((name, at) => (values[at] == null ? [] : [[name, values[at]]])));

const hashOfBases = (shared = '') => /(?:^| )bases=(\S+)/.exec(shared)?.[1];

function seenDigest(text: string | undefined): SeenDigest | undefined {
  const [, digest, since] = /^(\S+) (\d+) \d+$/.exec(text ?? '') ?? [];
  return digest === undefined ? undefined : { digest, since: Number(since) };
}

function useOf(
  reference: string,
  counts: ReadonlyMap<string, number>,
  newest: SeenDigest | undefined,
): BaseImageUse {
  const digests = [...counts]
    .flatMap(([digest, functions]) => (digest === '' ? [] : [{ digest, functions }]))
    .toSorted((one, other) => other.functions - one.functions);
  const others = newest ? digests.filter(({ digest }) => digest !== newest.digest) : [];
  return {
    reference,
    functions: [...counts.values()].reduce((sum, count) => sum + count, 0),
    digests,
    newest,
    behind: others.reduce((sum, { functions }) => sum + functions, 0),
  };
}
