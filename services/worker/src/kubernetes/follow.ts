import { setTimeout as sleep } from 'node:timers/promises';
import { SlipwayError } from '@slipway/shared/errors';
import { z } from 'zod';
import { GoneError, type KubernetesClient, unavailable } from './client.js';
import { linesOf } from './lines.js';

/** Bounds of time, all in milliseconds. */
export interface FollowTimes {
  /** After this the API server ends a watch, and a new one begins. */
  readonly watchMs: number;
  /** The connection counts as dead after this time without a byte. A watch ends earlier than that, so it is longer than `watchMs`. */
  readonly silenceMs: number;
  /** The pause after the first failure. It doubles up to `longestPauseMs`. */
  readonly pauseMs: number;
  readonly longestPauseMs: number;
}

const usualTimes: FollowTimes = { watchMs: 60_000, silenceMs: 75_000, pauseMs: 500, longestPauseMs: 30_000 };

interface FollowOptions<T> {
  readonly client: Pick<KubernetesClient, 'request'>;
  /** The path of the collection. */
  readonly path: string;
  readonly labelSelector: string;
  /** The permission that it needs, for the message when it is refused. */
  readonly permission: string;
  /** Returns what is kept of an object. Everything else of it is dropped at once. */
  readonly keep: (object: unknown) => T;
  /** Receives all objects, after they were listed and after each change. */
  readonly onObjects: (objects: readonly T[]) => void;
  /** Receives each fault, and undefined once the API server answers again. The last known objects stay valid. */
  readonly onFault: (fault: SlipwayError | undefined) => void;
  readonly signal: AbortSignal;
  readonly times?: FollowTimes;
}

const pageSize = 100;
const maxPageBytes = 32 * 1024 * 1024;
const maxEventBytes = 4 * 1024 * 1024;

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().nullish() }),
  items: z.array(z.unknown()).nullish(),
});
const objectSchema = z.object({
  metadata: z.object({ name: z.string().default(''), resourceVersion: z.string() }),
});
const statusSchema = z.object({ code: z.number().nullish(), message: z.string().nullish() });
const eventSchema = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.unknown(),
});

/**
 * Follows a collection of the Kubernetes API until the signal is aborted: lists it, watches it from the listed version, and watches on from the last
 * seen version when a connection ends. It lists again only when the API server no longer has that version (410), or sends what cannot
 * be read. Never rejects.
 */
export async function followCollection<T>(options: FollowOptions<T>): Promise<void> {
  const { onFault, signal, times = usualTimes } = options;
  const follower = new Follower(options, times);
  let failures = 0;
  while (!signal.aborted) {
    const before = follower.seen;
    try {
      await follower.step();
      failures = follower.seen === before ? failures : 0;
      // A server that ends each watch at once must not be asked without a pause.
      if (follower.seen === before) await pause(times.pauseMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (follower.seen !== before) failures = 0;
      failures++;
      if (!(error instanceof GoneError)) onFault(error instanceof SlipwayError ? error : unavailable(error));
      else if (failures === 1) continue;
      const longest = Math.min(times.longestPauseMs, times.pauseMs * 2 ** (failures - 1));
      // The workers of a cluster lose the API server at the same time, and must not all return at the same time.
      await pause(longest * (0.5 + Math.random() / 2), signal);
    }
  }
}

const pause = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => undefined);

class Follower<T> {
  readonly #options: FollowOptions<T>;
  readonly #times: FollowTimes;
  #objects = new Map<string, T>();
  #version: string | undefined;
  /** Counts lists, events and watches that lasted. */
  seen = 0;

  constructor(options: FollowOptions<T>, times: FollowTimes) {
    this.#options = options;
    this.#times = times;
  }

  /** Lists if there is no version to watch from, then watches until the watch ends. */
  async step(): Promise<void> {
    this.#version ??= await this.#list();
    try {
      await this.#watch();
    } catch (error) {
      if (error instanceof GoneError || error instanceof z.ZodError || error instanceof SyntaxError)
        this.#version = undefined;
      throw error;
    }
  }

  async #list(): Promise<string> {
    const { onObjects, onFault, keep } = this.#options;
    const objects = new Map<string, T>();
    let next = '';
    for (;;) {
      const page = await this.#page(next);
      for (const item of page.items ?? []) objects.set(objectSchema.parse(item).metadata.name, keep(item));
      next = page.metadata.continue ?? '';
      if (next !== '') continue;
      this.#objects = objects;
      this.seen++;
      onFault(undefined);
      onObjects([...objects.values()]);
      return page.metadata.resourceVersion;
    }
  }

  async #page(next: string) {
    const query = { limit: String(pageSize), ...(next !== '' && { continue: next }) };
    const body = await this.#request(query);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxPageBytes) throw new Error(`a list has more than ${maxPageBytes} bytes`);
      chunks.push(chunk);
    }
    return listSchema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  }

  async #watch(): Promise<void> {
    const { watchMs, silenceMs } = this.#times;
    const began = performance.now();
    const body = await this.#request(
      {
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: this.#version ?? '',
        timeoutSeconds: String(Math.ceil(watchMs / 1_000)),
      },
      silenceMs,
    );
    this.#options.onFault(undefined);
    for await (const line of linesOf(body, maxEventBytes)) this.#note(eventSchema.parse(JSON.parse(line)));
    if (performance.now() - began >= watchMs / 2) this.seen++;
  }

  #note({ type, object }: z.infer<typeof eventSchema>): void {
    if (type === 'ERROR') throw faultOf(statusSchema.parse(object));
    const { name, resourceVersion } = objectSchema.parse(object).metadata;
    if (type === 'DELETED') this.#objects.delete(name);
    else if (type !== 'BOOKMARK') this.#objects.set(name, this.#options.keep(object));
    this.#version = resourceVersion;
    this.seen++;
    if (type !== 'BOOKMARK') this.#options.onObjects([...this.#objects.values()]);
  }

  #request(query: Readonly<Record<string, string>>, silenceMs?: number) {
    const { client, path, labelSelector, permission, signal } = this.#options;
    const search = new URLSearchParams({ labelSelector, ...query });
    return client.request({ path: `${path}?${search}`, permission, signal, ...(silenceMs && { silenceMs }) });
  }
}

function faultOf({ code, message }: z.infer<typeof statusSchema>): Error {
  const text = message ?? 'the watch ended with an error';
  return code === 410 ? new GoneError(text) : new SlipwayError('kubernetes_unavailable', text);
}
