import { schemaVersions } from '@slipway/control-plane/records';
import { defaultTenantName, jobStates } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';

interface ReferencesOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Digests to look for. Found digests leave the set, and reading stops when it is empty. */
  readonly wanted: ReadonlySet<string>;
  readonly onFound: (digests: string[]) => Promise<void>;
}

const readAtOnce = 500;
const digestPattern = /sha256:[0-9a-f]{64}/g;

/**
 * Looks through the records of all jobs, functions and templates for digests, some at a time. Every record that is there all the while is met,
 * unless it was another server in between; false then. Any digest in a record counts, whatever it stands
 * for there: one too many is kept rather than one too few. False too when a record of a newer schema is met: it may refer to sources in a way
 * that this process does not know.
 */
export async function* referencesInRecords(options: ReferencesOptions): AsyncGenerator<void, boolean> {
  const { redis, keys, wanted, onFound } = options;
  if (wanted.size === 0) return true;
  const server = await serverId(redis);
  for await (const names of recordNames({ redis, keys, wanted })) {
    const texts = await textsOf(redis, keys, names);
    if (!texts) return false;
    const found = texts.flatMap((text) => text.match(digestPattern) ?? []);
    await onFound([...new Set(found)].filter((digest) => wanted.has(digest)));
    yield;
    if (wanted.size === 0) break;
  }
  return (await serverId(redis)) === server;
}

type NamesOptions = Pick<ReferencesOptions, 'redis' | 'keys' | 'wanted'>;

/**
 * Yields the keys of all records by their indexes. `SCAN` would show the keys of other installations, and docs/redis-users.acl does not allow it.
 * A function or template refers only to sources that its tenant has sent, so the owners of the sources name deleted tenants too.
 */
async function* recordNames({ redis, keys, wanted }: NamesOptions): AsyncGenerator<string[], void> {
  yield* jobNames({ redis, keys });
  const owners = redis.pipeline();
  for (const digest of wanted) owners.smembers(keys.sourceOwners(digest));
  const tenants = new Set([defaultTenantName, ...(await redis.zrange(keys.tenants, '0', '-1'))]);
  for (const names of values<string[]>(await owners.exec())) for (const name of names) tenants.add(name);
  for (const tenant of tenants) {
    for await (const names of pages(redis, keys.functions(tenant)))
      yield names.map((name) => keys.functionRecord(tenant, name));
    for await (const names of pages(redis, keys.templates(tenant)))
      yield names.map((name) => keys.template(tenant, name));
  }
}

/** A job is in the index of one state at any time. One transaction reads a range of ids of all states, so a job that moves is not missed. */
async function* jobNames({ redis, keys }: Omit<NamesOptions, 'wanted'>): AsyncGenerator<string[], void> {
  for (let after: string | undefined = '-'; after !== undefined; ) {
    const transaction = redis.multi();
    for (const state of jobStates) {
      transaction.zrangebylex(keys.index(`state:${state}`), after as string, '+', 'LIMIT', 0, readAtOnce);
    }
    const lists = values<string[]>(await transaction.exec());
    const ends = lists.flatMap((ids) => (ids.length === readAtOnce ? [ids.at(-1) as string] : []));
    const upTo = ends.toSorted()[0];
    yield lists.flat().flatMap((id) => (upTo === undefined || id <= upTo ? [keys.job(id)] : []));
    after = upTo === undefined ? undefined : `(${upTo}`;
  }
}

async function* pages(redis: Redis, index: string): AsyncGenerator<string[], void> {
  for (let after: string | undefined = '-'; after !== undefined; ) {
    const names: string[] = await redis.zrangebylex(index, after, '+', 'LIMIT', 0, readAtOnce);
    yield names;
    after = names.length === readAtOnce ? `(${names.at(-1)}` : undefined;
  }
}

function values<T>(replies: [Error | null, unknown][] | null): T[] {
  return (replies ?? []).map(([error, value]) => {
    if (error) throw error;
    return value as T;
  });
}

/** The texts in records that may name sources; undefined when one of the records is of a newer schema. */
async function textsOf(redis: Redis, keys: Keys, names: readonly string[]): Promise<string[] | undefined> {
  const pipeline = redis.pipeline();
  const kinds: ('job' | 'function' | 'template')[] = [];
  for (const name of names) {
    const kind = name.slice(keys.base.length, name.indexOf(':', keys.base.length));
    if (kind !== 'job' && kind !== 'function' && kind !== 'template') continue;
    kinds.push(kind);
    if (kind === 'job') pipeline.hmget(name, 'schema', 'spec');
    else pipeline.hmget(name, 'schema', 'spec', 'built_spec', 'digest');
  }
  const texts: string[] = [];
  for (const [at, [error, values]] of ((await pipeline.exec()) ?? []).entries()) {
    // A key that holds another type refers to nothing.
    if (error?.message.startsWith('WRONGTYPE')) continue;
    if (error) throw error;
    const [schema, ...found] = values as (string | null)[];
    if (Number(schema ?? 1) > schemaVersions[kinds[at] as 'job']) return undefined;
    texts.push(...found.filter((text) => text !== null));
  }
  return texts;
}

/** Changes with every start of Redis, and after a failover. */
async function serverId(redis: Redis): Promise<string | undefined> {
  return /^run_id:(\w+)/m.exec(await redis.info('server'))?.[1];
}
