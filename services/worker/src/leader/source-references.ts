import { schemaVersions } from '@slipway/shared/records';
import type { Keys, Redis } from '@slipway/shared/redis';

interface ReferencesOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** What is looked for; shrinks as it is found, and when nothing is left nothing more is read. */
  readonly wanted: ReadonlySet<string>;
  readonly onFound: (digests: string[]) => Promise<void>;
}

const scannedAtOnce = 1_000;
const digestPattern = /sha256:[0-9a-f]{64}/g;

/**
 * Looks through the records of all jobs, functions and templates for digests, some at a time. Redis promises that a scan
 * meets each key that is there all the while, unless it was another server in between; false then. Any digest in a record counts, whatever it stands
 * for there: one too many is kept rather than one too few. False too when a record of a newer schema is met: it may refer to sources in a way
 * that this process does not know.
 */
export async function* referencesInRecords(options: ReferencesOptions): AsyncGenerator<void, boolean> {
  const { redis, keys, wanted, onFound } = options;
  if (wanted.size === 0) return true;
  const server = await serverId(redis);
  let cursor = '0';
  do {
    const [next, names] = await redis.scan(cursor, 'MATCH', `${keys.base}*`, 'COUNT', scannedAtOnce);
    cursor = next;
    const texts = await textsOf(redis, keys, names);
    if (!texts) return false;
    const found = texts.flatMap((text) => text.match(digestPattern) ?? []);
    await onFound([...new Set(found)].filter((digest) => wanted.has(digest)));
    yield;
  } while (cursor !== '0' && wanted.size > 0);
  return (await serverId(redis)) === server;
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
