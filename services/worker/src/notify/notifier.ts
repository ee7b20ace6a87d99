import { setTimeout as sleep } from 'node:timers/promises';
import { eventsGroup as group, parseEvents, publishLate } from '@slipway/control-plane/events';
import { UnreadableRecord } from '@slipway/control-plane/records';
import type { MinuteCounts } from '@slipway/control-plane/stats';
import type { DeliveryStore, EndpointStore } from '@slipway/control-plane/webhooks';
import { defaultPool, isTerminal } from '@slipway/shared/contracts';
import { type Component, untilAborted } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { WorkerMetrics } from '../metrics.js';
import { deliveriesOf, type FanOutDeps } from './fan-out.js';

interface NotifierOptions extends FanOutDeps {
  /** A connection of its own: its reads block. */
  readonly reader: Redis;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly endpoints: Pick<EndpointStore, 'active'>;
  readonly deliveries: Pick<DeliveryStore, 'create'>;
  readonly workerName: string;
  readonly counts: Pick<MinuteCounts, 'jobEnded'>;
  readonly metrics: Pick<WorkerMetrics, 'events' | 'jobEnded'>;
  /** Redis' time in milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
}

const batch = 100;
/** Events whose deliveries are created at once. Each event may have one for every endpoint, with a body of 20 KB. */
const eventsAtOnce = 20;
const blockMs = 5_000;
/** Another notifier claims entries that a notifier has not acknowledged for this long. */
const abandonedAfterMs = 15_000;
const claimEveryMs = 5_000;
const keepEventsMs = 24 * 3600 * 1_000;
const trimEveryMs = 60_000;

type Entries = [string, string[] | null][];

/**
 * Reads the event stream as one consumer group with the notifiers of the other workers, and creates one delivery
 * of each event for each endpoint that subscribes to it and for the callback. Delivery ids derive from the event, so
 * reading an event twice adds nothing. The notifier acknowledges an event once its deliveries are written.
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
    // Entries of an aborted read stay pending, and another notifier takes them over.
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
    await this.#handle(streams?.[0]?.[1] ?? []);
    if (performance.now() - this.#trimmedAt > trimEveryMs) await this.#trim();
  }

  /** Claims entries that other notifiers read and never acknowledged. After a full batch there may be more. */
  async #claim(): Promise<void> {
    const { redis, keys, workerName } = this.#options;
    const claim = redis.xautoclaim(keys.events, group, workerName, abandonedAfterMs, '0', 'COUNT', batch);
    const [, abandoned] = (await claim) as [string, Entries];
    await this.#handle(abandoned);
    if (abandoned.length < batch) this.#claimedAt = performance.now();
  }

  async #handle(entries: Entries): Promise<void> {
    for (let at = 0; at < entries.length; at += eventsAtOnce) {
      await this.#createDeliveries(entries.slice(at, at + eventsAtOnce));
    }
  }

  /**
   * Handles each event alone: a failed one stays pending and is retried, perhaps by a worker of a newer version.
   * Only a failure that concerns more than one record ends the round.
   */
  async #createDeliveries(entries: Entries): Promise<void> {
    const { redis, keys, endpoints, deliveries } = this.#options;
    const active = await endpoints.active();
    const outcomes = await Promise.allSettled(
      entries.map(async (entry) => {
        const [event] = parseEvents([entry]);
        if (event && 'tenant' in event && event.tenant === undefined && entry[1]) {
          await publishLate([entry[0], entry[1]], { redis, keys });
        }
        return event ? await deliveriesOf(event, active, this.#options) : [];
      }),
    );
    await deliveries.create(outcomes.flatMap((each) => (each.status === 'fulfilled' ? each.value : [])));
    const failed = outcomes.find(
      (each) => each.status === 'rejected' && !(each.reason instanceof UnreadableRecord),
    );
    const handled = entries.filter((_entry, at) => outcomes[at]?.status !== 'rejected');
    if (handled.length > 0) {
      await redis.xack(keys.events, group, ...handled.map(([position]) => position));
      this.#count(handled);
    }
    if (failed?.status === 'rejected') throw failed.reason;
  }

  /** Counts every end of a job once, ended by any process. After a notifier's death an end may count twice. */
  #count(entries: Entries): void {
    const { counts, metrics } = this.#options;
    metrics.events.inc(entries.length);
    for (const event of parseEvents(entries)) {
      if (event.kind !== 'job' || !isTerminal(event.state)) continue;
      counts.jobEnded(event.pool ?? defaultPool, event.state);
      metrics.jobEnded(event.pool ?? defaultPool, event.state);
    }
  }

  /** Drops old entries that are acknowledged. */
  async #trim(): Promise<void> {
    this.#trimmedAt = performance.now();
    const { redis, keys, now } = this.#options;
    const [count, first] = (await redis.xpending(keys.events, group)) as [number, string | null];
    const groups = (await redis.xinfo('GROUPS', keys.events)) as unknown[][];
    const reached = String(groups.find((row) => row[1] === group)?.[7] ?? '0-0');
    const oldestOpen = Number((count > 0 && first ? first : reached).split('-')[0]);
    await redis.xtrim(keys.events, 'MINID', '~', Math.min(oldestOpen, now() - keepEventsMs));
  }
}
