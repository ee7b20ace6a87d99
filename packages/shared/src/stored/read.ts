import type { Fields } from '../records/index.js';
import type { Keys, Redis } from '../redis/index.js';
import { namesAndHashes, type SharedValues } from './shared-values.js';

/** A reply of a pipeline of HGETALL. */
type Reply = [Error | null, unknown];

interface ReadOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Keys of hashes that may list shared values. */
  readonly names: readonly string[];
  /** The tenant of a record; the one that it names unless given. */
  readonly tenant?: string;
}

/**
 * Reads records with the values that they list. It takes one round trip, and another where some of them list values. A value is gone
 * only with its last record, so a record whose value is missing is read again.
 */
export async function readStored(
  options: ReadOptions,
): Promise<{ readonly replies: Reply[]; readonly values: SharedValues }> {
  const { redis, keys, names, tenant } = options;
  const replies = await readHashes(redis, names);
  const wanted = new Map<string, string>();
  for (const reply of replies) {
    for (const { hash } of listed(reply)) {
      const owner = tenant ?? (reply[1] as Fields).tenant ?? '';
      wanted.set(hash, keys.shared(owner, hash));
    }
  }
  if (wanted.size === 0) return { replies, values: new Map() };
  const values = await readValues(redis, wanted);
  const stale = replies.flatMap((reply, at) =>
    listed(reply).some(({ hash }) => !values.has(hash)) ? [at] : [],
  );
  const again = await readHashes(
    redis,
    stale.map((at) => names[at] as string),
  );
  for (const [index, at] of stale.entries()) replies[at] = again[index] as Reply;
  return { replies, values };
}

async function readHashes(redis: Redis, names: readonly string[]): Promise<Reply[]> {
  if (names.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const name of names) pipeline.hgetall(name);
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
