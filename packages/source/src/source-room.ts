import { setTimeout as sleep } from 'node:timers/promises';
import { SlipwayError } from '@slipway/shared/errors';
import { type Keys, type Redis, type Script, scriptsIn } from '@slipway/shared/redis';
import { z } from 'zod';
import { sourceLua } from './lua.js';
import type { SourceInfo, SourceRoom } from './source-store.js';

const script = scriptsIn(sourceLua, 'sources/room-');
const reserved = { tenant: z.string(), id: z.string().optional(), most: z.int(), lease_ms: z.int() };
const scripts = {
  grow: script('grow', { ...reserved, disk: z.number(), files: z.number() }),
  admit: script('admit', { ...reserved, digest: z.string(), bytes: z.number() }),
  renew: script('renew', { tenant: z.string(), id: z.string(), lease_ms: z.int() }),
  release: script('release', { tenant: z.string(), id: z.string() }),
};

interface Reserved {
  readonly tenant: string;
  readonly id?: string | undefined;
  readonly most: number;
  readonly lease_ms: number;
}

/** A dead process's reservation expires after this time. */
const leaseMs = 30_000;
const renewEveryMs = 10_000;
/** Bytes of an upload are reserved in steps of this size. */
const stepBytes = 8 * 1024 * 1024;
const askAgainMs = 100;

/** Options for waiting for room. */
export interface Waiting {
  /** Stops the wait. */
  readonly signal?: AbortSignal | undefined;
  /** Returns true to wait for room; false refuses the source. */
  readonly mayWait?: (() => boolean) | undefined;
}

interface RoomOptions extends Waiting {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly tenant: string;
  /** The maximum of bytes of all sources of the tenant. */
  readonly maxBytes: number;
}

/** The room of one arriving source within its tenant's limit. `close` releases the unused part. */
export class ReservedRoom implements SourceRoom {
  readonly #options: RoomOptions;
  #id = '';
  #reserved = 0;
  #renewing: NodeJS.Timeout | undefined;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** Returns the id of the reservation; empty when there is none. */
  get id(): string {
    return this.#id;
  }

  async grow({ disk, files }: { readonly disk: number; readonly files: number }): Promise<void> {
    if (disk <= this.#reserved) return;
    const { signal, mayWait = () => true } = this.#options;
    const wanted = disk + stepBytes;
    let isWaiting = false;
    for (;;) {
      const { outcome, has } = await this.#reserve(scripts.grow, { disk: wanted, files });
      if (outcome === 'ok') break;
      // Asked once: sources that come later do not end a wait that has begun.
      isWaiting ||= outcome !== 'full' && mayWait();
      if (outcome === 'full' || !isWaiting) throw this.#full(has, files);
      await sleep(askAgainMs, undefined, signal && { signal });
    }
    this.#reserved = wanted;
  }

  async admit({ digest, bytes }: Pick<SourceInfo, 'digest' | 'bytes'>): Promise<void> {
    const { outcome, has } = await this.#reserve(scripts.admit, { digest, bytes });
    if (outcome === 'full') throw this.#full(has, bytes);
  }

  async close(): Promise<void> {
    clearInterval(this.#renewing);
    const { redis, keys, tenant } = this.#options;
    if (this.#id !== '') await scripts.release.run({ redis, keys }, { tenant, id: this.#id });
  }

  async #reserve<Args>(step: Script<Args & Reserved>, args: Args) {
    const { redis, keys, tenant, maxBytes } = this.#options;
    const common = { tenant, id: this.#id, most: maxBytes, lease_ms: leaseMs };
    const [outcome, id, has] = (await step.run({ redis, keys }, { ...args, ...common })) as string[];
    if (id !== undefined && this.#id === '') {
      this.#id = id;
      // A lease that could not be renewed expires. Then the quota is checked when the tenant becomes an owner of the source.
      const renew = () =>
        void scripts.renew.run({ redis, keys }, { tenant, id, lease_ms: leaseMs }).catch(() => undefined);
      this.#renewing = setInterval(renew, renewEveryMs).unref();
    }
    return { outcome, has: Number(has) };
  }

  #full(has: number, bytes: number): SlipwayError {
    return quotaExceeded({ ...this.#options, has, bytes });
  }
}

interface Exceeded {
  readonly tenant: string;
  readonly has: number;
  readonly maxBytes: number;
  readonly bytes: number;
}

/** Returns `source_quota_exceeded` with the numbers. */
export function quotaExceeded({ tenant, has, maxBytes, bytes }: Exceeded): SlipwayError {
  return new SlipwayError(
    'source_quota_exceeded',
    `The sources of ${tenant} have ${has} bytes of ${maxBytes}; this one has ${bytes}.`,
  );
}
