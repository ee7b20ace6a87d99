import type { Base } from '@slipway/shared/contracts';
import { type BaseUse, type ReadBasesOptions, readBaseUses } from './base-uses.js';
import { type BaseState, isCurrent, readBaseStates } from './base-watch.js';

/** A base image of the functions of a tenant. */
export interface BaseImageUse {
  /** In canonical spelling. */
  readonly reference: string;
  /** Number of functions whose last success used it. */
  readonly functions: number;
  /** The digests in use, with the number of functions of each; most functions first. */
  readonly digests: readonly { readonly digest: string; readonly functions: number }[];
  /** The newest digest that a build of the tenant or a check saw. Undefined for a pinned reference, and if neither saw one. */
  readonly newest: SeenDigest | undefined;
  /** Number of functions with a known digest that is not current. */
  readonly behind: number;
  /** The last answers of the registry. Empty for a pinned reference, and before the first check. */
  readonly watched: BaseState;
}

interface SeenDigest {
  readonly digest: string;
  /** The check, or the start of the attempt, that saw it first, in ms since the epoch. */
  readonly since: number;
}

/** A digest that builds saw, with the start of the last attempt that saw it. */
interface BuiltDigest extends SeenDigest {
  readonly last: number;
}

/** Returns the base images of a tenant's functions, by reference. */
export async function readBaseImages(options: ReadBasesOptions): Promise<BaseImageUse[]> {
  const { redis, keys, tenant } = options;
  const seen = await redis.hgetall(keys.basesSeen(tenant));
  const uses = await readBaseUses(options);
  const references = [...uses.keys()].toSorted();
  const states = await readBaseStates(options, references);
  return references.map((reference, at) =>
    imageOf(reference, uses.get(reference) as BaseUse, builtDigest(seen[reference]), states[at] ?? {}),
  );
}

/** The newest image of a reference. */
export interface CurrentBase {
  readonly digest: string;
  /** Returns whether a build used another image. */
  isBehind(base: Base): boolean;
}

/** Returns the newest images of a tenant's base images, by canonical reference. */
export async function readCurrentBases(options: ReadBasesOptions): Promise<ReadonlyMap<string, CurrentBase>> {
  const { redis, keys, tenant } = options;
  const seen = await redis.hgetall(keys.basesSeen(tenant));
  const references = [...(await readBaseUses(options)).keys()];
  const states = await readBaseStates(options, references);
  const known = new Map<string, CurrentBase>();
  for (const [at, reference] of references.entries()) {
    const { current, newest } = newestOf(builtDigest(seen[reference]), states[at] ?? {});
    if (!newest) continue;
    known.set(reference, {
      digest: newest.digest,
      isBehind: ({ digest, platform_digest: platformDigest }) =>
        digest !== undefined && !isCurrent(current, { digest, platformDigest }),
    });
  }
  return known;
}

function builtDigest(text: string | undefined): BuiltDigest | undefined {
  const [, digest, since, last] = /^(\S+) (\d+) (\d+)$/.exec(text ?? '') ?? [];
  return digest === undefined ? undefined : { digest, since: Number(since), last: Number(last) };
}

function imageOf(
  reference: string,
  { functions, versions }: BaseUse,
  built: BuiltDigest | undefined,
  watched: BaseState,
): BaseImageUse {
  const counts = new Map<string, number>();
  for (const { digest, functions: count } of versions) {
    if (digest !== undefined) counts.set(digest, (counts.get(digest) ?? 0) + count);
  }
  const { current, newest } = newestOf(built, watched);
  return {
    reference,
    functions,
    digests: [...counts]
      .map(([digest, count]) => ({ digest, functions: count }))
      .toSorted((one, other) => other.functions - one.functions),
    newest,
    behind: newest ? functionsBehind(versions, current) : 0,
    watched,
  };
}

/** Returns the newest digest, and the state that functions are compared with: a build may have seen a change before the next check does. */
function newestOf(
  built: BuiltDigest | undefined,
  watched: BaseState,
): { readonly current: BaseState; readonly newest: SeenDigest | undefined } {
  const { digest, since = 0, checkedAt = 0 } = watched;
  if (digest === undefined || (built && built.last > checkedAt && !isCurrent(watched, built)))
    return {
      current: { digest: built?.digest },
      newest: built && { digest: built.digest, since: built.since },
    };
  const first = built?.digest === digest ? Math.min(since, built.since) : since;
  return { current: watched, newest: { digest, since: first } };
}

/** Returns the number of functions with a known digest that is not current. */
export function functionsBehind(versions: BaseUse['versions'], current: BaseState): number {
  return versions
    .filter((version) => version.digest !== undefined && !isCurrent(current, version))
    .reduce((sum, { functions }) => sum + functions, 0);
}
