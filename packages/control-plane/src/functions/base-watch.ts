import { type ErrorCode, errorCodes } from '@slipway/shared/errors';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';

/** The last answers of the registry of a base image. Times are milliseconds since the epoch. */
export interface BaseState {
  /** The digest of the reference, if the registry has told it. */
  readonly digest?: string | undefined;
  /** The check that first saw the digest. */
  readonly since?: number | undefined;
  /** The last check that got a digest. */
  readonly checkedAt?: number | undefined;
  /** The last check that saw another image than the check before. */
  readonly changedAt?: number | undefined;
  /** The manifest of each platform of the index. Empty for an image without an index. */
  readonly platforms?: Readonly<Record<string, string>> | undefined;
  /** Earlier digests with the same manifests for the platforms in use. */
  readonly equal?: readonly string[] | undefined;
  /** Set while checks fail. */
  readonly error?: BaseCheckError | undefined;
}

export interface BaseCheckError {
  readonly code: ErrorCode;
  readonly detail: string;
  /** The first of the checks that failed in a row, and their number. */
  readonly since: number;
  readonly times: number;
}

/** A base image whose check is due. */
export interface TakenBase {
  readonly reference: string;
  readonly state: BaseState;
  /** Identifies the check for `record`. */
  readonly ticket: { readonly held: string; readonly before: string };
}

/** A tenant that uses a changed base image. */
export interface BaseUser {
  readonly tenant: string;
  readonly functions: number;
  /** Functions with a known digest other than the new one. */
  readonly behind: number;
}

interface CheckEnd {
  readonly state: BaseState;
  /** Milliseconds until the next check. */
  readonly nextMs: number;
  /** Set for a change. Writes an event for each user. */
  readonly change?:
    | {
        readonly digest: string;
        readonly previous: string | undefined;
        readonly users: readonly BaseUser[];
      }
    | undefined;
}

interface BaseWatchOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Milliseconds between two checks of a base image at least. Default: 10,000. */
  readonly pauseMs?: number | undefined;
}

const usualPauseMs = 10_000;
/** Milliseconds in which a worker records the end of a check, or another one takes it. */
const leaseMs = 60_000;
/** References of one call of a script. */
const run = 500;

const watchScript = defineScript({
  folder: controlPlaneLua,
  file: 'functions/watch-bases',
  args: z.object({ added: z.array(z.string()), removed: z.array(z.string()) }),
});
const takeScript = defineScript({
  folder: controlPlaneLua,
  file: 'functions/take-bases',
  args: z.object({ limit: z.int(), lease_ms: z.int() }),
});
const markScript = defineScript({
  folder: controlPlaneLua,
  file: 'functions/mark-bases',
  args: z.object({ pause_ms: z.int(), references: z.array(z.string()) }),
});
const checkScript = defineScript({
  folder: controlPlaneLua,
  file: 'functions/check-base',
  args: z.object({
    reference: z.string(),
    held: z.string(),
    before: z.string(),
    after: z.string(),
    next_ms: z.int(),
    pause_ms: z.int(),
    digest: z.string().optional(),
    previous: z.string().optional(),
    tenants: z.array(z.string()),
  }),
});

/** The base images in use, when to ask their registries, and what those said last. Belongs to the installation, not to a tenant. */
export class BaseWatch {
  readonly #on: { readonly redis: Redis; readonly keys: Keys };
  readonly #pauseMs: number;

  constructor({ redis, keys, pauseMs = usualPauseMs }: BaseWatchOptions) {
    this.#on = { redis, keys };
    this.#pauseMs = pauseMs;
  }

  /** Watches exactly these references, in canonical spelling. New references are checked at once. */
  async watch(references: ReadonlySet<string>): Promise<void> {
    const known = new Set(await this.#on.redis.zrange(this.#on.keys.basesDue, '0', '-1'));
    const added = [...references].filter((each) => !known.has(each));
    const removed = [...known].filter((each) => !references.has(each));
    for (let at = 0; at < Math.max(added.length, removed.length); at += run) {
      const part = { added: added.slice(at, at + run), removed: removed.slice(at, at + run) };
      await watchScript.run(this.#on, part);
    }
  }

  /** Takes up to `limit` base images whose check is due, for a minute. */
  async take(limit: number): Promise<TakenBase[]> {
    const [held = '', ...rest] = (await takeScript.run(this.#on, { limit, lease_ms: leaseMs })) as string[];
    return Array.from({ length: rest.length / 2 }, (_none, at) => {
      const [reference = '', before = ''] = rest.slice(2 * at, 2 * at + 2);
      return { reference, state: parseBaseState(before), ticket: { held, before } };
    });
  }

  /** Records the end of a check, with the events of a change. Returns false if another worker checked the base image meanwhile, or no function uses it. */
  async record({ reference, ticket }: TakenBase, { state, nextMs, change }: CheckEnd): Promise<boolean> {
    const users = change?.users ?? [];
    const done = await checkScript.run(this.#on, {
      ...{ reference, ...ticket, after: JSON.stringify(state) },
      ...{ next_ms: Math.round(nextMs), pause_ms: this.#pauseMs },
      ...{ digest: change?.digest, previous: change?.previous },
      tenants: users.flatMap(({ tenant, functions, behind }) => [tenant, String(functions), String(behind)]),
    });
    return done === 1;
  }

  /** Puts off the check of a base image that was taken, until a time by Redis' clock in ms. */
  async putOff({ reference }: TakenBase, until: number): Promise<void> {
    await this.#on.redis.zadd(this.#on.keys.basesDue, 'XX', Math.round(until), reference);
  }

  /** Makes the check of base images due. Ignores references that no function uses. Returns the number of the others. */
  async mark(references: readonly string[]): Promise<number> {
    let used = 0;
    for (let at = 0; at < references.length; at += run) {
      const part = { references: references.slice(at, at + run), pause_ms: this.#pauseMs };
      used += Number(await markScript.run(this.#on, part));
    }
    return used;
  }
}

/** Returns the states of base images, in the given order. */
export async function readBaseStates(
  { redis, keys }: { readonly redis: Redis; readonly keys: Keys },
  references: readonly string[],
): Promise<BaseState[]> {
  const states: BaseState[] = [];
  for (let at = 0; at < references.length; at += run) {
    const texts = await redis.hmget(keys.basesWatched, ...references.slice(at, at + run));
    states.push(...texts.map((text) => parseBaseState(text ?? '')));
  }
  return states;
}

/** Parses `<time of the check> <state as JSON>`. Returns an empty state for anything else; the next check writes a new one. */
function parseBaseState(text: string): BaseState {
  try {
    const state = JSON.parse(text.slice(text.indexOf(' ') + 1)) as BaseState;
    const { error, ...rest } = state;
    // A later version may write other codes.
    return error && errorCodes.includes(error.code) ? state : rest;
  } catch {
    return {};
  }
}

/** Returns true if the registry has the image of these digests now, for all platforms in use. */
export function isCurrent(
  { digest, platforms = {}, equal = [] }: BaseState,
  used: { readonly digest?: string | undefined; readonly platformDigest?: string | undefined },
): boolean {
  const all = [digest, ...equal, ...Object.values(platforms)];
  return (
    all.includes(used.digest) || (used.platformDigest !== undefined && all.includes(used.platformDigest))
  );
}
