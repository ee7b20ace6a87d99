import type { Member, RedisTopology, ShippedUsers } from '@slipway/local';
import type { FaultRules } from '../faults/faults.js';
import type { ApiCalls } from './api-calls.js';
import type { FleetRedis } from './redis.js';

/** Options of a simulated replica. */
export interface ReplicaOptions {
  /** Builds at once. */
  readonly slots: number;
  /** Announces the concurrency to the workers. Default true. */
  readonly announced?: boolean;
  readonly faults?: FaultRules;
  /** False: a build ends with the connection of its worker. Default true. */
  readonly keepsBuilds?: boolean;
}

export interface FleetOptions {
  readonly replicas: readonly ReplicaOptions[];
  /**
   * Milliseconds that a build takes on average, the deviation of the logarithm, and which draw of it (default 1).
   * Default: builds end at once.
   */
  readonly durations?: { readonly meanMs: number; readonly sigma: number; readonly seed?: number };
  /** Default 1. */
  readonly apis?: number;
  /** Default 2. */
  readonly workers?: number;
  /** Default: one server of Redis. */
  readonly redis?: FleetRedis;
  /** Returns the port on which the services reach a single server of Redis, given its own: a proxy before it. Default: its own. */
  readonly redisThrough?: (port: number) => Promise<number>;
  /** Seed of the random draws of faults. Default 1. */
  readonly seed?: number;
  /** Settings besides those that are decided here. */
  readonly env?: {
    readonly api?: Readonly<Record<string, string>>;
    readonly worker?: Readonly<Record<string, string>>;
  };
  /** Environment of one API or worker by its name (`worker 1`), asked for at each start. Default: none. */
  readonly envOf?: (name: string) => Readonly<Record<string, string>>;
}

/** Redis, simulated replicas, APIs and workers, each a process of its own on 127.0.0.1. */
export interface Fleet {
  /** Its data, and the logs of its processes below `logs/`. */
  readonly folder: string;
  /** All servers of Redis that hold data. */
  readonly redis: Member;
  /** The servers of Redis one by one; undefined if there is one. */
  readonly redisTopology: RedisTopology | undefined;
  readonly replicas: readonly Member[];
  readonly apis: readonly Member[];
  readonly workers: readonly Member[];
  /** URL of an administrator, in the form of `REDIS_URL`. The services connect as the user of docs/redis-users.acl. */
  readonly redisUrl: string;
  /** Its users, for a second Redis that is to have the same. */
  readonly redisUsers: ShippedUsers;
  readonly redisPrefix: string;
  /** `file://…` */
  readonly blobStore: string;
  readonly payloadSecret: string;
  readonly token: string;
  readonly calls: ApiCalls;
  /** The digest of a small source that it has. */
  readonly source: string;
  /** Stops every process, by its id, and removes the folder. */
  stop(): Promise<void>;
}
