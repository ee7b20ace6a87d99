import { setTimeout as sleep } from 'node:timers/promises';
import { SlipwayError } from '../errors/index.js';
import { defineScript, type Keys, type Redis } from '../redis/index.js';
import type { SourceInfo, SourceRoom } from './source-store.js';

/**
 * Reserves bytes of a tenant for sources that arrive. A reservation is `<bytes> <until> <state>` under a number that grows with each reservation; the
 * state is `arriving` or `admitted`. It ends with its lease.
 *
 * KEYS: 1 hash of the reservations, 2 bytes that the tenant has, 3 sorted set of its sources. ARGV: 1 operation, 2 id or '', then
 * grow: 3 bytes on the disk, 4 bytes of files, 5 bytes that the tenant may have, 6 lease in ms. {'ok' | 'wait' | 'full', id, bytes that it has}.
 *   What is over the quota may arrive one at a time, the oldest first: the tenant may have it already.
 * admit: 3 digest, 4 bytes of files, 5, 6 as above. {'ok' | 'full', id, bytes that it has}. Only what is admitted is stored.
 * renew: 3 lease in ms.
 * release.
 */
const roomScript = defineScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local op, id = ARGV[1], ARGV[2]
local function whole(number) return string.format('%.0f', number) end
if op == 'release' then
  redis.call('HDEL', KEYS[1], id)
  return { 'ok' }
end
if op == 'renew' then
  local mine = redis.call('HGET', KEYS[1], id)
  if not mine then return { 'gone' } end
  local bytes, state = string.match(mine, '^(%d+) %d+ (%a+)$')
  redis.call('HSET', KEYS[1], id, bytes .. ' ' .. whole(now + tonumber(ARGV[3])) .. ' ' .. state)
  redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[3]) * 2)
  return { 'ok' }
end
local all = redis.call('HGETALL', KEYS[1])
local arriving, admitted, oldest = 0, 0, nil
for i = 1, #all, 2 do
  local bytes, ends, state = string.match(all[i + 1], '^(%d+) (%d+) (%a+)$')
  if bytes and tonumber(ends) < now then redis.call('HDEL', KEYS[1], all[i])
  elseif bytes and all[i] ~= id then
    if state == 'admitted' then admitted = admitted + tonumber(bytes) else
      arriving = arriving + tonumber(bytes)
      if not oldest or tonumber(all[i]) < oldest then oldest = tonumber(all[i]) end
    end
  end
end
if id == '' then id = whole(redis.call('HINCRBY', KEYS[1], 'last', 1)) end
local has = tonumber(redis.call('GET', KEYS[2]) or '0')
local most, lease = tonumber(ARGV[5]), tonumber(ARGV[6])
local outcome, bytes, state = 'ok', ARGV[3], 'arriving'
if op == 'grow' then
  local files = tonumber(ARGV[4])
  if files > most and files > has then outcome = 'full'
  elseif has + admitted + arriving + tonumber(bytes) > most and oldest and oldest < tonumber(id) then
    outcome, bytes = 'wait', '0'
    local mine = redis.call('HGET', KEYS[1], id)
    if mine then bytes = string.match(mine, '^(%d+)') end
  end
else
  bytes, state = ARGV[4], 'admitted'
  if redis.call('ZSCORE', KEYS[3], ARGV[3]) then bytes = '0'
  elseif has + admitted + tonumber(bytes) > most then outcome = 'full' end
end
if outcome ~= 'full' then
  redis.call('HSET', KEYS[1], id, bytes .. ' ' .. whole(now + lease) .. ' ' .. state)
  redis.call('PEXPIRE', KEYS[1], lease * 2)
end
return { outcome, id, whole(has) }
`);

/** A reservation of a process that is gone ends after so long. */
const leaseMs = 30_000;
const renewEveryMs = 10_000;
/** Bytes of an upload are reserved in steps of this size. */
const stepBytes = 8 * 1024 * 1024;
const askAgainMs = 100;

/** How a source waits for room. */
export interface Waiting {
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Whether to wait where there is no room; else the source is refused. */
  readonly mayWait?: (() => boolean) | undefined;
}

interface RoomOptions extends Waiting {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly tenant: string;
  /** What all sources of the tenant may have together. */
  readonly maxBytes: number;
}

/** The room of one source that arrives, in the bytes that its tenant may have. `close` gives back what was not used. */
export class ReservedRoom implements SourceRoom {
  readonly #options: RoomOptions;
  #id = '';
  #reserved = 0;
  #renewing: NodeJS.Timeout | undefined;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** The reservation; empty when there is none. */
  get id(): string {
    return this.#id;
  }

  async grow({ disk, files }: { readonly disk: number; readonly files: number }): Promise<void> {
    if (disk <= this.#reserved) return;
    const { maxBytes, signal, mayWait = () => true } = this.#options;
    const wanted = disk + stepBytes;
    for (;;) {
      const { outcome, has } = await this.#run('grow', wanted, files, maxBytes, leaseMs);
      if (outcome === 'ok') break;
      if (outcome === 'full' || !mayWait()) throw this.#full(has, files);
      await sleep(askAgainMs, undefined, signal && { signal });
    }
    this.#reserved = wanted;
  }

  async admit({ digest, bytes }: Pick<SourceInfo, 'digest' | 'bytes'>): Promise<void> {
    const { outcome, has } = await this.#run('admit', digest, bytes, this.#options.maxBytes, leaseMs);
    if (outcome === 'full') throw this.#full(has, bytes);
  }

  async close(): Promise<void> {
    clearInterval(this.#renewing);
    if (this.#id !== '') await this.#run('release');
  }

  async #run(operation: string, ...args: (string | number)[]) {
    const { redis, keys, tenant } = this.#options;
    const of = [keys.sourcesReserved(tenant), keys.sourceBytes(tenant), keys.sourcesOf(tenant)];
    const [outcome, id, has] = (await roomScript.run(redis, of, [operation, this.#id, ...args])) as string[];
    if (id !== undefined && this.#id === '') {
      this.#id = id;
      // A lease that could not be renewed ends, and the quota is then checked when the source becomes the tenant's.
      const renew = () => void this.#run('renew', leaseMs).catch(() => undefined);
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

/** `source_quota_exceeded`, in figures. */
export function quotaExceeded({ tenant, has, maxBytes, bytes }: Exceeded): SlipwayError {
  return new SlipwayError(
    'source_quota_exceeded',
    `The sources of ${tenant} have ${has} bytes of ${maxBytes}; this one has ${bytes}.`,
  );
}
