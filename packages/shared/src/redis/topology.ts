import type { Redis } from 'ioredis';
import { SlipwayError } from '../errors/index.js';
import { nameOf, type RedisServer } from './url.js';

/** The answer of one server about the primary. */
export interface PrimaryAnswer {
  readonly primary: RedisServer;
  /** Other servers that can be asked. */
  readonly others: readonly RedisServer[];
  /** A later answer has a higher number; 0 where servers give none. */
  readonly epoch: number;
}

/** The way to ask the servers of a `REDIS_URL` for the primary. */
export type RedisTopology = Asking &
  ({ readonly kind: 'sentinel'; readonly name: string } | { readonly kind: 'cluster' });

interface Asking {
  /** Rejects with a `SlipwayError` when the server answers and cannot know the primary. */
  ask(redis: Redis, asked: RedisServer): Promise<PrimaryAnswer>;
}

const slots = 16_384;

/** Returns the hash slot of a hash tag (CRC-16/XMODEM, as the specification of Redis Cluster defines it). */
export function hashSlot(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc % slots;
}

type ListedNode = readonly [host: string | null, port: number, ...unknown[]];
type SlotRange = readonly [from: number, to: number, ...nodes: ListedNode[]];

/**
 * Asks a node of a cluster for the owner of the slot of a cell's keys. `CLUSTER SLOTS` gives the TLS port to a connection with TLS, and
 * an empty endpoint where the asked host is the endpoint.
 */
export function clusterTopology(prefix: string): RedisTopology {
  const slot = hashSlot(prefix);
  return {
    kind: 'cluster',
    async ask(redis, asked) {
      const ranges = (await redis.call('CLUSTER', 'SLOTS').catch((error: Error) => {
        if (!/^ERR (?:This instance has cluster support disabled|unknown command)/i.test(error.message))
          throw error;
        const detail = `REDIS_URL is for a Redis Cluster, and ${nameOf(asked)} is no node of one.`;
        throw new SlipwayError('redis_url_mismatch', detail, { cause: error });
      })) as readonly SlotRange[];
      const serverOf = ([host, port]: ListedNode): RedisServer[] =>
        host === '?' ? [] : [{ host: host || asked.host, port }];
      const owner = ranges.find(([from, to]) => from <= slot && slot <= to)?.[2];
      const [primary] = owner ? serverOf(owner) : [];
      if (!primary)
        throw new SlipwayError(
          'redis_unavailable',
          `${nameOf(asked)} knows no owner of the hash slot ${slot}.`,
        );
      return { primary, others: ranges.flatMap(([, , ...nodes]) => nodes.flatMap(serverOf)), epoch: 0 };
    },
  };
}

/** Asks a sentinel for the primary of a name. */
export function sentinelTopology(name: string): RedisTopology {
  return {
    ...{ kind: 'sentinel', name },
    async ask(redis, asked) {
      const ask = async (command: 'MASTER' | 'SENTINELS') => await redis.call('SENTINEL', command, name);
      const [primary, sentinels] = await Promise.all([ask('MASTER'), ask('SENTINELS')]).catch(
        (error: Error) => {
          if (/^ERR No such master/i.test(error.message)) {
            const detail = `The sentinel ${nameOf(asked)} watches no primary with the name ${name}.`;
            throw new SlipwayError('redis_primary_unknown', detail, { cause: error });
          }
          if (!/^ERR unknown command/i.test(error.message)) throw error;
          const detail = `REDIS_URL is for sentinels, and ${nameOf(asked)} is none.`;
          throw new SlipwayError('redis_url_mismatch', detail, { cause: error });
        },
      );
      const { server, epoch } = sentinelReply(primary as readonly string[]);
      const others = (sentinels as readonly (readonly string[])[]).map((each) => sentinelReply(each).server);
      return { primary: server, others, epoch };
    },
  };
}

/** Returns the fields of a server that a sentinel describes by names and values. */
function sentinelReply(reply: readonly string[]): { server: RedisServer; epoch: number } {
  const field = (name: string) => reply[reply.indexOf(name) + 1] ?? '';
  return {
    server: { host: field('ip'), port: Number(field('port')) },
    epoch: reply.includes('config-epoch') ? Number(field('config-epoch')) : 0,
  };
}
