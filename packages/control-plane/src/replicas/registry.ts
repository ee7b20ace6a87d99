import { createHash } from 'node:crypto';
import {
  type BuilderFeature,
  builderFeatures,
  defaultPool,
  type PublicKey,
  publicKeySchema,
  type ReplicaEngine,
  type ReplicaReadiness,
  replicaEngineSchema,
  replicaReadinessSchema,
} from '@slipway/shared/contracts';
import { type Keys, type Redis, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import type { Lease } from './ledger.js';

/** A replica as the workers know it. */
export interface ReplicaState {
  readonly id: string;
  /** As it was announced; `addressOf` returns the address. */
  readonly url: string;
  /** The name of its pod. */
  readonly name: string | undefined;
  /** The machine of its pod. */
  readonly node: string | undefined;
  readonly pool: string;
  /** Platforms that the replica builds; an empty list means any. */
  readonly platforms: readonly string[];
  /** Limit of concurrent builds that the operator configured, if any. */
  readonly configured: number | undefined;
  /** Limit of concurrent builds, configured or learned. */
  readonly limit: number;
  readonly inFlight: number;
  readonly circuit: 'closed' | 'open' | 'probing';
  readonly health: 'up' | 'down' | 'unknown';
  readonly readiness: ReplicaReadiness;
  /** The reason that the replica gave for not being ready. */
  readonly readinessReason: string | undefined;
  readonly engine: ReplicaEngine;
  /** Undefined when no worker has asked for them recently. */
  readonly features: readonly BuilderFeature[] | undefined;
  readonly draining: boolean;
  /** Number of builds since the replica is known. */
  readonly builds: number;
  readonly refusals: number;
  readonly faults: number;
}

/** A replica as a worker announces it. */
export interface AnnouncedReplica {
  /**
   * Scheme, host and port. A pod has its UID as fragment: another pod may get the same address later, and must inherit nothing. HTTP clients do not
   * send the fragment.
   */
  readonly url: string;
  /** `url`: the configuration names the address. `dns`: the address may belong to another replica later. `k8s`: the URL has the UID of a pod. Default: `url`. */
  readonly kind?: 'url' | 'dns' | 'k8s';
  /** The name of the pod. */
  readonly name?: string;
  /** The machine of the pod. */
  readonly node?: string;
  /** Kubernetes says that the pod is not ready. It gets builds once it has answered a health check: a builder of others is not ready while it is full. */
  readonly isStarting?: boolean;
  /** Kubernetes ends the pod: it gets no more builds. */
  readonly isLeaving?: boolean;
  /** Limit of concurrent builds that the operator configured, if any. */
  readonly max: number | undefined;
  readonly pool: string;
  readonly platforms: readonly string[];
}

/** Milliseconds after which a replica that no worker names is forgotten. */
const forgottenAfterMs = 60_000;
/**
 * Milliseconds for which the record of a replica stays without an announcement. An operator's drain of a configured address outlives the
 * workers; an address of a pod soon belongs to another pod.
 */
const keptMs = { url: 30 * 86_400_000, dns: 600_000, k8s: 600_000 };
/** Milliseconds after which a replica that no worker names is gone. Discovery names each one every five seconds. */
const goneAfterMs = 15_000;
const defaultLimit = 4;
/** Milliseconds for which a reported engine and a readiness are valid. The leader records each again after 30 s, if it has not changed. */
const engineCountsMs = 120_000;
const readinessCountsMs = 90_000;

const script = scriptsIn(controlPlaneLua, 'replicas/');
const scripts = {
  announce: script('announce', { replicas: z.array(z.string()) }),
  retire: script('retire', { urls: z.array(z.string()) }),
  forget: script('forget', { kept_ms: z.int(), record_ms: z.int() }),
  setHealth: script('set-health', { url: z.string(), health: z.string() }),
  setReadiness: script('set-readiness', {
    url: z.string(),
    readiness: z.string(),
    reason: z.string(),
    counts_ms: z.int(),
  }),
  setEngine: script('set-engine', {
    url: z.string(),
    engine: z.string(),
    counts_ms: z.int(),
    features: z.string().optional(),
    instance: z.string().optional(),
  }),
  setDraining: script('set-draining', { url: z.string(), draining: z.boolean() }),
};
/** Replicas that one script announces, so that it is short. */
const announcedAtOnce = 50;

/** Returns scheme, host and port of a replica. */
export const addressOf = (url: string) => url.replace(/#.*$/s, '');

/** Returns a short id for a replica that fits into a URL path. */
export const replicaId = (url: string) =>
  `rep_${createHash('sha256').update(url).digest('hex').slice(0, 12)}`;

/** The replicas and their state, shared by workers and API through Redis. */
export class ReplicaRegistry {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #now: () => number;

  /** `now` is Redis' time in milliseconds since the epoch; the machine's unless given. */
  constructor(options: { readonly redis: Redis; readonly keys: Keys; readonly now?: () => number }) {
    const { redis, keys, now = Date.now } = options;
    this.#now = now;
    this.#redis = redis;
    this.#keys = keys;
  }

  get #on() {
    return { redis: this.#redis, keys: this.#keys };
  }

  /**
   * Announces replicas. Call it more often than once a minute. Returns the replicas that had another pool or other platforms before. The
   * last announcement wins.
   */
  async announce(replicas: readonly AnnouncedReplica[]): Promise<AnnouncedReplica[]> {
    const changed = new Set<string>();
    for (let at = 0; at < replicas.length; at += announcedAtOnce) {
      const texts = replicas.slice(at, at + announcedAtOnce).flatMap(textsOf);
      for (const url of (await scripts.announce.run(this.#on, { replicas: texts })) as string[])
        changed.add(url);
    }
    return replicas.filter(({ url }) => changed.has(url));
  }

  /**
   * Removes the records of replicas that are gone. Nothing counts on them from then on, and a death there counts against no job. A worker that still
   * announces one makes a new record.
   */
  async retire(urls: readonly string[]): Promise<void> {
    if (urls.length > 0) await scripts.retire.run(this.#on, { urls: [...urls] });
  }

  /** Removes the names of replicas whose records have expired. */
  async forget(): Promise<void> {
    await scripts.forget.run(this.#on, { kept_ms: keptMs.k8s, record_ms: keptMs.url });
  }

  /** Records the outcome of a health check. A replica that is down may return with another engine, so its engine is removed. */
  async setHealth(url: string, health: 'up' | 'down'): Promise<void> {
    await scripts.setHealth.run(this.#on, { url, health });
  }

  /** Records that a replica answers, and its readiness for 90 s. Returns the readiness before. */
  async setReadiness(
    url: string,
    readiness: Exclude<ReplicaReadiness, 'unknown'>,
    reason = '',
  ): Promise<ReplicaReadiness> {
    const args = { url, readiness, reason, counts_ms: readinessCountsMs };
    const before = await scripts.setReadiness.run(this.#on, args);
    return replicaReadinessSchema.safeParse(before).data ?? 'unknown';
  }

  /**
   * Records the engine and features that a replica reported, for two minutes. Without `features` they are unknown. A new `instance` is another process:
   * it inherits no fault of the process before it.
   */
  async setEngine(
    url: string,
    engine: ReplicaEngine,
    features?: readonly BuilderFeature[],
    instance?: string,
  ): Promise<void> {
    await scripts.setEngine.run(this.#on, {
      ...{ url, engine, counts_ms: engineCountsMs },
      features: features && `,${features.map((name) => `${name},`).join('')}`,
      instance,
    });
  }

  /** Returns for each replica the milliseconds for which its recorded engine is still valid. */
  async engineLeftMs(urls: readonly string[]): Promise<number[]> {
    const pipeline = this.#redis.pipeline().time();
    for (const url of urls) pipeline.hget(this.#keys.replica(url), 'engine_until');
    const [time, ...untils] = await checked(pipeline.exec());
    const [seconds] = time as [string];
    return urls.map((_url, at) => Math.max(0, Number(untils[at] ?? 0) - Number(seconds) * 1_000));
  }

  /** Records the public key with which to seal build secrets for a replica; undefined when the replica opens none. */
  async setPublicKey(url: string, key: PublicKey | undefined): Promise<void> {
    const record = this.#keys.replica(url);
    const pipeline = this.#redis.pipeline();
    if (key) {
      const text = JSON.stringify(key);
      pipeline.hset(record, 'public_key', text).pexpire(record, keptMs.k8s, 'NX');
      pipeline.set(this.#keys.publicKey, text, 'PX', keptMs.url);
    } else pipeline.hdel(record, 'public_key');
    await checked(pipeline.exec());
  }

  /** Returns the public key with which to seal build secrets: the one that most usable replicas have, or the last known one while no replica is usable. */
  async publicKey(): Promise<PublicKey | undefined> {
    const usable = (await this.list()).filter(({ health, draining }) => health !== 'down' && !draining);
    if (usable.length === 0) return parsedKey(await this.#redis.get(this.#keys.publicKey));
    const pipeline = this.#redis.pipeline();
    for (const { url } of usable) pipeline.hget(this.#keys.replica(url), 'public_key');
    const counts = new Map<string, number>();
    for (const reply of await checked(pipeline.exec())) {
      if (typeof reply === 'string') counts.set(reply, (counts.get(reply) ?? 0) + 1);
    }
    const [most] = [...counts].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    return parsedKey(most?.[0]);
  }

  /** Starts or ends draining. A draining replica finishes its builds and gets no more. Returns false when there is no such replica. */
  async setDraining(id: string, draining: boolean): Promise<boolean> {
    const url = (await this.urls()).find((known) => replicaId(known) === id);
    if (url === undefined) return false;
    await scripts.setDraining.run(this.#on, { url, draining });
    return true;
  }

  /**
   * Returns true if the replica goes away: by its own report, for an operator, for Kubernetes, or because no worker finds it any more. Its end is no
   * fault of the replica or its builds. `jobs/include/blame.lua` has the same rule.
   */
  async isLeaving(url: string): Promise<boolean> {
    const pipeline = this.#redis.pipeline();
    pipeline.hmget(this.#keys.replica(url), 'draining', 'leaving', 'readiness', 'readiness_until');
    pipeline.zscore(this.#keys.replicas, url);
    const [fields, named] = (await checked(pipeline.exec())) as [(string | null)[], string | null];
    const [drained, leaving, readiness, until] = fields;
    const now = this.#now();
    const reported = readiness === 'draining' && Number(until) > now;
    const isGone = named !== null && Number(named) < now - goneAfterMs;
    return reported || isGone || Boolean(drained) || Boolean(leaving);
  }

  /**
   * Returns true if a build without a holder may go on at a replica that gives no answer: its slot has not expired, and the replica neither goes away nor
   * is known to be down.
   */
  async mayHaveBuild({ id, url }: Pick<Lease, 'id' | 'url'>): Promise<boolean> {
    const pipeline = this.#redis.pipeline().hget(this.#keys.replica(url), 'health');
    pipeline.zscore(this.#keys.slots(url), id);
    const [health, until] = (await checked(pipeline.exec())) as [string | null, string | null];
    return health !== 'down' && Number(until ?? 0) > this.#now() && !(await this.isLeaving(url));
  }

  /** Returns the state of a replica, also of a replica that no worker names. */
  async get(url: string): Promise<ReplicaState | undefined> {
    return (await this.states([url]))[0];
  }

  /** Returns all known replicas, in the order of their URLs. */
  async list(): Promise<ReplicaState[]> {
    return await this.states(await this.urls());
  }

  /** Returns the states of replicas, in the given order. */
  async states(urls: readonly string[]): Promise<ReplicaState[]> {
    if (urls.length === 0) return [];
    const now = this.#now();
    const pipeline = this.#redis.pipeline();
    for (const url of urls) {
      pipeline.hgetall(this.#keys.replica(url)).zcount(this.#keys.slots(url), now, '+inf');
    }
    const replies = await checked(pipeline.exec());
    return urls.map((url, at) =>
      stateOf(url, replies[2 * at] as Record<string, string>, replies[2 * at + 1] as number, now),
    );
  }

  /** Returns the builds on each replica in one command, from the index of free slots. It may be some seconds behind the leases. */
  async loads(): Promise<ReadonlyMap<string, number>> {
    const offers = await this.#redis.hgetall(this.#keys.offers);
    return new Map(Object.entries(offers).map(([url, offer]) => [url, Number(offer.split(' ')[1])]));
  }

  /** Returns the URLs of all known replicas, sorted. */
  async urls(): Promise<string[]> {
    const recent = await this.#redis.zrangebyscore(
      this.#keys.replicas,
      this.#now() - forgottenAfterMs,
      '+inf',
    );
    return recent.toSorted();
  }
}

/** Returns a replica as lua/replicas/announce.lua reads it. */
function textsOf({ url, max = 0, pool, platforms, ...more }: AnnouncedReplica): string[] {
  const { kind = 'url', name = '', node = '', isStarting, isLeaving } = more;
  const flags = [isStarting, isLeaving].map((flag) => (flag ? '1' : '0'));
  return [url, String(max), pool, platforms.join(' '), kind, name, node, ...flags, String(keptMs[kind])];
}

function stateOf(url: string, fields: Record<string, string>, inFlight: number, now: number): ReplicaState {
  const number = (name: string) => Number(fields[name] ?? 0);
  const configured = number('configured') || undefined;
  const learned = Math.floor(number('learned')) || configured || defaultLimit;
  const openUntil = number('open_until');
  const isFresh = number('readiness_until') > now;
  const isLeaving = fields.leaving !== undefined;
  return {
    id: replicaId(url),
    url,
    name: fields.name || undefined,
    node: fields.node || undefined,
    pool: fields.pool ?? defaultPool,
    platforms: parsePlatforms(fields.platforms),
    configured,
    limit: Math.min(learned, configured ?? learned),
    inFlight,
    circuit: openUntil === 0 ? 'closed' : openUntil > now ? 'open' : 'probing',
    health: healthOf(fields),
    readiness: isLeaving
      ? 'draining'
      : (isFresh && replicaReadinessSchema.safeParse(fields.readiness).data) || 'unknown',
    readinessReason: isLeaving
      ? 'Kubernetes ends the pod.'
      : (isFresh && fields.readiness_reason) || undefined,
    engine:
      number('engine_until') > now
        ? (replicaEngineSchema.safeParse(fields.engine).data ?? 'unknown')
        : 'unknown',
    features: number('engine_until') > now ? parseFeatures(fields.features) : undefined,
    draining: fields.draining !== undefined,
    builds: number('builds'),
    refusals: number('refusals'),
    faults: number('faults'),
  };
}

/** A pod that is not ready and has answered no health check yet does not listen. */
function healthOf({ health, starting }: Record<string, string>): ReplicaState['health'] {
  if (health === 'up' || health === 'down') return health;
  return starting === '1' ? 'down' : 'unknown';
}

const parseFeatures = (text: string | undefined) =>
  text === undefined ? undefined : builderFeatures.filter((name) => text.includes(`,${name},`));

const parsePlatforms = (text: string | null | undefined): readonly string[] => (text ? text.split(' ') : []);

/** Returns the number of builds that the fleet can take at once now. */
export const fleetCapacity = (replicas: readonly ReplicaState[]) =>
  replicas
    .filter(
      ({ draining, health, readiness }) =>
        !draining && health !== 'down' && readiness !== 'broken' && readiness !== 'draining',
    )
    .reduce(
      (sum, { circuit, limit }) => sum + (circuit === 'open' ? 0 : circuit === 'probing' ? 1 : limit),
      0,
    );

async function checked(replies: Promise<[error: Error | null, reply: unknown][] | null>): Promise<unknown[]> {
  return ((await replies) ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}

const parsedKey = (text: string | null | undefined): PublicKey | undefined =>
  text ? publicKeySchema.parse(JSON.parse(text)) : undefined;
