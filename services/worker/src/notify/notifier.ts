import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminal, type StreamEvent } from '@slipway/shared/contracts';
import { parseEvents } from '@slipway/shared/events';
import type { BatchStore, JobStore } from '@slipway/shared/jobs';
import { type Component, untilAborted } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { QueueData, Sender } from '@slipway/shared/queues';
import type { Keys, Redis } from '@slipway/shared/redis';
import { batchDeliveryId, deliveryId } from './message.js';

interface NotifierOptions {
  /** A connection of its own: its reads block. */
  readonly reader: Redis;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: Pick<JobStore, 'get'>;
  readonly batches: Pick<BatchStore, 'get'>;
  readonly deliveries: Sender<'deliveries'>;
  readonly workerName: string;
  readonly logger: Logger;
}

const group = 'notifier';
const batch = 100;
const blockMs = 5_000;
/** Entries that a notifier took and did not settle for this long are taken over. */
const abandonedAfterMs = 15_000;
const claimEveryMs = 5_000;
const keepEventsMs = 24 * 3600 * 1_000;
const trimEveryMs = 60_000;

interface Delivery {
  readonly id: string;
  readonly data: QueueData<'deliveries'>;
}
type Entries = [string, string[] | null][];

/**
 * Reads the event stream as one consumer group with the notifiers of the other workers, and makes one delivery
 * of every terminal event whose job or batch has a callback. Delivery ids are made from the event, so that reading an
 * event twice adds nothing.
 */
export class Notifier implements Component {
  readonly name = 'notifier';
  readonly #options: NotifierOptions;
  #claimedAt = -claimEveryMs;
  #trimmedAt = 0;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#createGroup();
        while (!signal.aborted) await this.#round(signal);
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: error }, 'the event stream cannot be read');
        await sleep(1_000, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #createGroup(): Promise<void> {
    const { redis, keys } = this.#options;
    try {
      await redis.xgroup('CREATE', keys.events, group, '0', 'MKSTREAM');
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('BUSYGROUP')) throw error;
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { reader, keys, workerName } = this.#options;
    if (performance.now() - this.#claimedAt > claimEveryMs) await this.#claim();
    // What a read that is given up still brings stays pending, and is taken over by another notifier.
    const read = reader.xreadgroup(
      'GROUP',
      group,
      workerName,
      'COUNT',
      batch,
      'BLOCK',
      blockMs,
      'STREAMS',
      keys.events,
      '>',
    );
    const streams = (await untilAborted(read, signal)) as [string, Entries][] | null;
    await this.#settle(streams?.[0]?.[1] ?? []);
    if (performance.now() - this.#trimmedAt > trimEveryMs) await this.#trim();
  }

  /** Takes over what other notifiers took and never settled. A whole batch may have more behind it. */
  async #claim(): Promise<void> {
    const { redis, keys, workerName } = this.#options;
    const claim = redis.xautoclaim(keys.events, group, workerName, abandonedAfterMs, '0', 'COUNT', batch);
    const [, abandoned] = (await claim) as [string, Entries];
    await this.#settle(abandoned);
    if (abandoned.length < batch) this.#claimedAt = performance.now();
  }

  async #settle(entries: Entries): Promise<void> {
    const { redis, keys, deliveries } = this.#options;
    if (entries.length === 0) return;
    const wanted = await Promise.all(parseEvents(entries).map((event) => this.#delivery(event)));
    await deliveries.add(wanted.flatMap((delivery) => delivery ?? []));
    await redis.xack(keys.events, group, ...entries.map(([position]) => position));
  }

  /** Nobody is told of a batch that was never accepted. */
  async #delivery(event: StreamEvent): Promise<Delivery | undefined> {
    const { store, batches } = this.#options;
    if (event.kind === 'batch') {
      const { batchId } = event;
      const record = await batches.get(batchId);
      if (!record?.committed || record.callbackUrl === undefined) return undefined;
      return { id: batchDeliveryId(batchId), data: { batchId } };
    }
    if (event.kind !== 'job') return undefined;
    const { jobId, version } = event;
    if (!isTerminal(event.state) || !(await store.get(jobId))?.spec.callback) return undefined;
    return { id: deliveryId(event), data: { jobId, version } };
  }

  /** Drops old entries, and never one that is not settled yet. */
  async #trim(): Promise<void> {
    this.#trimmedAt = performance.now();
    const { redis, keys } = this.#options;
    const [count, first] = (await redis.xpending(keys.events, group)) as [number, string | null];
    const groups = (await redis.xinfo('GROUPS', keys.events)) as unknown[][];
    const reached = String(groups.find((row) => row[1] === group)?.[7] ?? '0-0');
    const unsettled = Number((count > 0 && first ? first : reached).split('-')[0]);
    await redis.xtrim(keys.events, 'MINID', '~', Math.min(unsettled, Date.now() - keepEventsMs));
  }
}
