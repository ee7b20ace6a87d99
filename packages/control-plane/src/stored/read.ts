import type { Keys, Redis } from '@slipway/shared/redis';
import type { Fields } from '../records/index.js';
import { namesAndHashes, type SharedValues } from './shared-values.js';

/** A reply of a pipeline of HGETALL. */
type Reply = [Error | null, unknown];

interface ReadOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Keys of hashes that may list shared values. */
  readonly names: readonly string[];
  /** The tenant of all records. Default: the tenant that each record names. */
  readonly tenant?: string;
  /** Names of the values to read. The returned records list no others. Default: all. */
  readonly only?: readonly string[];
  /** Limit of the values in bytes. Reading stops there, but returns at least one record. */
  readonly maxBytes?: number;
}

/**
 * Returns records with the values that they list. Takes one round trip, and another when records list values. A value is removed only
 * with its last record, so a record with a missing value is read again. Returns fewer replies than names when `maxBytes` is reached.
 */
export async function readStored(
  options: ReadOptions,
): Promise<{ readonly replies: Reply[]; readonly values: SharedValues }> {
  const { redis, keys, names, tenant, only, maxBytes } = options;
  const replies = (await readHashes(redis, names)).map((reply) => withOnly(reply, only));
  const wanted = new Map<string, string>();
  for (const reply of replies) {
    for (const { hash } of listed(reply)) {
      const owner = tenant ?? (reply[1] as Fields).tenant ?? '';
      wanted.set(hash, keys.sharedValue(owner, hash));
    }
  }
  if (wanted.size === 0) return { replies, values: new Map() };
  if (maxBytes !== undefined && replies.length > 1) {
    const fitting = await countFitting({ redis, replies, wanted, maxBytes });
    if (fitting < replies.length) return await readStored({ ...options, names: names.slice(0, fitting) });
  }
  const values = await readValues(redis, wanted);
  const stale = replies.flatMap((reply, at) =>
    listed(reply).some(({ hash }) => !values.has(hash)) ? [at] : [],
  );
  const again = await readHashes(
    redis,
    stale.map((at) => names[at] as string),
  );
  for (const [index, at] of stale.entries()) replies[at] = withOnly(again[index] as Reply, only);
  return { replies, values };
}

function withOnly(reply: Reply, only: readonly string[] | undefined): Reply {
  const [error, fields] = reply;
  if (error || !only || !(fields as Fields).shared) return reply;
  const kept = listed([null, { shared: (fields as Fields).shared }]).filter(({ name }) =>
    only.includes(name),
  );
  return [null, { ...(fields as Fields), shared: kept.map(({ name, hash }) => `${name}=${hash}`).join(' ') }];
}

/** Returns the number of records whose values fit into `maxBytes`, at least one. */
async function countFitting(options: {
  readonly redis: Redis;
  readonly replies: readonly Reply[];
  readonly wanted: ReadonlyMap<string, string>;
  readonly maxBytes: number;
}): Promise<number> {
  const { redis, replies, wanted, maxBytes } = options;
  const pipeline = redis.pipeline();
  for (const key of wanted.values()) pipeline.hstrlen(key, 'value');
  const lengths = (await pipeline.exec()) ?? [];
  const sizes = new Map([...wanted.keys()].map((hash, at) => [hash, Number(lengths[at]?.[1] ?? 0)]));
  let left = maxBytes;
  const at = replies.findIndex((reply) => {
    for (const { hash } of listed(reply)) left -= sizes.get(hash) ?? 0;
    return left < 0;
  });
  return at === -1 ? replies.length : Math.max(1, at);
}

async function readHashes(redis: Redis, names: readonly string[]): Promise<Reply[]> {
  const [name] = names;
  if (name === undefined) return [];
  // A single command costs a third of a pipeline.
  if (names.length === 1) {
    return [
      await redis.hgetall(name).then(
        (fields): Reply => [null, fields],
        (error: Error): Reply => [error, undefined],
      ),
    ];
  }
  const pipeline = redis.pipeline();
  for (const each of names) pipeline.hgetall(each);
  return (await pipeline.exec()) ?? [];
}

function listed([error, fields]: Reply) {
  if (error) return [];
  const { shared = '', built_shared = '' } = fields as Fields;
  return [...namesAndHashes(shared), ...namesAndHashes(built_shared)];
}

async function readValues(redis: Redis, wanted: ReadonlyMap<string, string>): Promise<SharedValues> {
  const pipeline = redis.pipeline();
  for (const key of wanted.values()) pipeline.hget(key, 'value');
  const replies = (await pipeline.exec()) ?? [];
  return new Map(
    [...wanted.keys()].flatMap((hash, at) => {
      const [error, text] = replies[at] ?? [];
      if (error) throw error;
      return typeof text === 'string' ? [[hash, JSON.parse(text) as unknown] as const] : [];
    }),
  );
}
