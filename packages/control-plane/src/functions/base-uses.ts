import type { Base, JobSpec } from '@slipway/shared/contracts';
import { normalPlatform } from '@slipway/shared/platforms';
import type { Keys, Redis } from '@slipway/shared/redis';
import { type Fields, listField, objectField, type RecordFaults, readRecords } from '../records/index.js';
import { basesOf, sharedValuesFrom } from '../stored/index.js';

export interface ReadBasesOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly tenant: string;
  readonly faults: RecordFaults;
}

/** The functions of a tenant whose last success used a base image. */
export interface BaseUse {
  readonly functions: number;
  /** The digests in use, each with the number of its functions. */
  readonly versions: readonly BaseVersion[];
  /** The platforms that functions were built for, in normal form. Empty unless they were asked for. */
  readonly platforms: ReadonlySet<string>;
}

interface BaseVersion {
  /** Undefined if no builder reported it. */
  readonly digest: string | undefined;
  readonly platformDigest: string | undefined;
  readonly functions: number;
}

/** Functions read at once. */
const run = 500;
const baseFields = ['built_base_images', 'built_shared'] as const;

/**
 * Returns the uses of base images by reference. Reads two fields of each function, three for the platforms, and each list of base images that
 * functions share once.
 */
export async function readBaseUses(
  options: ReadBasesOptions & { readonly withPlatforms?: boolean },
): Promise<Map<string, BaseUse>> {
  const { redis, keys, tenant } = options;
  const uses = new Map<string, CountedUse>();
  const names = keys.functions(tenant);
  let start = '-';
  for (;;) {
    const found = await redis.zrangebylex(names, start, '+', 'LIMIT', 0, run);
    for (const { bases, platforms } of await readRun(options, found)) {
      for (const base of bases) {
        const use = uses.get(base.reference) ?? new CountedUse();
        use.add(base, platforms);
        uses.set(base.reference, use);
      }
    }
    if (found.length < run) return uses;
    start = `(${found.at(-1)}`;
  }
}

class CountedUse implements BaseUse {
  functions = 0;
  readonly platforms = new Set<string>();
  readonly #versions = new Map<string, BaseVersion & { functions: number }>();

  get versions(): readonly BaseVersion[] {
    return [...this.#versions.values()];
  }

  add({ digest, platform_digest: platformDigest }: Base, platforms: readonly string[]): void {
    this.functions++;
    for (const platform of platforms) this.platforms.add(platform);
    const key = `${digest} ${platformDigest}`;
    const version = this.#versions.get(key) ?? { digest, platformDigest, functions: 0 };
    version.functions++;
    this.#versions.set(key, version);
  }
}

interface BuiltFrom {
  readonly bases: readonly Base[];
  readonly platforms: readonly string[];
}

/** Returns the base images of each function that was built. */
async function readRun(
  { redis, keys, tenant, faults, withPlatforms = false }: ReadBasesOptions & { withPlatforms?: boolean },
  names: readonly string[],
): Promise<BuiltFrom[]> {
  const wantedFields = withPlatforms ? [...baseFields, 'built_spec'] : baseFields;
  const pipeline = redis.pipeline();
  for (const name of names) pipeline.hmget(keys.functionRecord(tenant, name), ...wantedFields);
  const replies = ((await pipeline.exec()) ?? []).map(([error, values]): [Error | null, Fields] => [
    error,
    fieldsOf(wantedFields, (values ?? []) as (string | null)[]),
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
      platforms:
        fields.built_spec === undefined
          ? []
          : (objectField<Pick<JobSpec, 'platforms'>>(fields, 'built_spec').platforms ?? []).map(
              normalPlatform,
            ),
    }),
  });
}

const fieldsOf = (names: readonly string[], values: readonly (string | null)[]): Fields =>
  Object.fromEntries(names.flatMap((name, at) => (values[at] == null ? [] : [[name, values[at]]])));

const hashOfBases = (shared = '') => /(?:^| )bases=(\S+)/.exec(shared)?.[1];
