import { createHash } from 'node:crypto';
import { type Keys, type Redis, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import type { AnnouncedReplica, ReplicaRegistry } from './registry.js';

interface AnnouncerOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly registry: Pick<ReplicaRegistry, 'announce'>;
}

/** Milliseconds in which a worker announces its replicas; after that another worker may. */
const aloneMs = 5_000;
/** Milliseconds after which a worker announces replicas again that have not changed, in case records were lost. */
const againMs = 60_000;

const script = scriptsIn(controlPlaneLua, 'replicas/');
const nameScript = script('name', { view: z.string(), alone_ms: z.int(), urls: z.array(z.string()) });

/**
 * Announces the replicas of a worker. Of all workers that find the same replicas, one announces them: what has changed at once, and everything once a
 * minute. The others only name them, in one call.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  /** The digest and the replicas that this worker, or another one with the same replicas, announced last. */
  #view = '';
  #texts: ReadonlyMap<string, string> = new Map();

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Call it every few seconds and after each change. Returns the announced replicas that had another pool or other platforms before. */
  async announce(replicas: readonly AnnouncedReplica[]): Promise<AnnouncedReplica[]> {
    if (replicas.length === 0) return [];
    const { redis, keys, registry } = this.#options;
    const texts = new Map(replicas.map((replica) => [replica.url, JSON.stringify(replica)]));
    const view = digestOf(texts);
    const args = { view, alone_ms: aloneMs, urls: [...texts.keys()] };
    const [isAnnouncer, unknown] = (await nameScript.run({ redis, keys }, args)) as [number, string[]];
    const isDue = ({ url }: AnnouncedReplica) =>
      unknown.includes(url) ||
      (isAnnouncer === 1 && (view === this.#view || texts.get(url) !== this.#texts.get(url)));
    const changed = await registry.announce(replicas.filter(isDue));
    if (isAnnouncer === 1) await redis.pexpire(keys.announced(view), againMs);
    this.#view = view;
    this.#texts = texts;
    return changed;
  }
}

const digestOf = (texts: ReadonlyMap<string, string>) =>
  createHash('sha256')
    .update([...texts.values()].toSorted().join('\n'))
    .digest('hex')
    .slice(0, 32);
