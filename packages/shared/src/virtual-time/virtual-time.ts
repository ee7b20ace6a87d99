import { createHash } from 'node:crypto';
import type { Redis } from '../redis/index.js';

/** A clock that stands still until its owner sets it. */
export interface SettableClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Sets the time. Throws when it lies before the present time. */
  set(ms: number): void;
}

export function virtualClock(startMs: number): SettableClock {
  let time = startMs;
  return {
    now: () => time,
    set(ms) {
      if (ms < time) throw new RangeError(`the clock cannot go back from ${time} to ${ms}`);
      time = ms;
    },
  };
}

/** Commands that read or set the time, or the ends of keys, by their Lua functions. `now`, `call`, `expiries` and `expire` are in the prelude. */
const virtual: Readonly<Record<string, string>> = {
  TIME: `function()
    return { string.format('%.0f', math.floor(now / 1000)), string.format('%.0f', now % 1000 * 1000) }
  end`,
  PEXPIRE: 'expire',
  EXPIRE: 'function(key, seconds, option) return expire(key, seconds * 1000, option) end',
  PTTL: `function(key)
    if call('EXISTS', key) == 0 then return -2 end
    local at = call('ZSCORE', expiries, key)
    return at and tonumber(at) - now or -1
  end`,
  DEL: `function(...)
    call('ZREM', expiries, ...)
    return call('DEL', ...)
  end`,
  SET: `function(key, value, ...)
    local options, ms, keeps = {}, nil, false
    local at = 1
    while at <= select('#', ...) do
      local option = select(at, ...)
      if option == 'PX' or option == 'EX' then
        ms = select(at + 1, ...) * (option == 'EX' and 1000 or 1)
        at = at + 1
      else
        keeps = keeps or option == 'KEEPTTL'
        options[#options + 1] = option
      end
      at = at + 1
    end
    local done = call('SET', key, value, unpack(options))
    if done and ms then call('ZADD', expiries, now + ms, key) elseif done and not keeps then call('ZREM', expiries, key) end
    return done
  end`,
};

/** Commands of the same kind that no script uses. */
const unknown = /^(P?EXPIREAT|P?SETEX|GETEX|TTL|P?EXPIRETIME|PERSIST|UNLINK)$/;

/**
 * Returns a script in which the time is that of a clock. The commands of `virtual` call Lua functions of the same name instead, and all
 * others stay as they are. The last argument is the time in ms. The one before is 1 if ends of keys may have passed since the last script: their
 * ends are in a sorted set. Commands outside scripts still expire keys by Redis' own time.
 */
function withVirtualTime(text: string): string {
  const used = new Set<string>();
  const body = text.replace(/\bredis\.(?:p?call)\(\s*(?:'(\w+)'(\s*,)?)?/g, (whole, name?: string) => {
    if (name === undefined) throw new Error('virtual time demands the name of each command as text');
    if (unknown.test(name)) throw new Error(`virtual time does not know ${name}`);
    if (virtual[name] === undefined) return whole;
    used.add(name);
    return `virtual.${name}(`;
  });
  return [
    'local virtual',
    'do',
    "  local call, now, expiries = redis.call, tonumber(ARGV[#ARGV]), KEYS[1] .. 'virtual-expiries'",
    "  if ARGV[#ARGV - 1] == '1' then",
    "    for _, key in ipairs(call('ZRANGEBYSCORE', expiries, '-inf', now)) do",
    "      call('DEL', key)",
    "      call('ZREM', expiries, key)",
    '    end',
    '  end',
    ...(used.has('PEXPIRE') || used.has('EXPIRE') ? [expire] : []),
    `  virtual = { ${Array.from(used, (name) => `${name} = ${virtual[name]}`).join(', ')} }`,
    'end',
    body,
  ].join('\n');
}

const expire = `
  local function expire(key, ms, option)
    if option and option ~= 'NX' then error('virtual time does not know EXPIRE ' .. option) end
    if call('EXISTS', key) == 0 or (option and call('ZSCORE', expiries, key)) then return 0 end
    if tonumber(ms) > 0 then
      call('ZADD', expiries, now + ms, key)
    else
      call('ZREM', expiries, key)
      call('DEL', key)
    end
    return 1
  end`;

const shaOf = (text: string) => createHash('sha1').update(text).digest('hex');

/**
 * Makes the scripts of a connection take the time from a clock of the caller, for tests and simulations. The scripts themselves stay as
 * they are: each is sent with a prelude, and without calls of Redis' time. Only code that holds the connection can call this, and
 * .dependency-cruiser.cjs keeps this folder out of services.
 */
export function setVirtualTime(redis: Redis, clock: { now(): number }): void {
  const evalsha = redis.evalsha.bind(redis) as (...args: unknown[]) => Promise<unknown>;
  const evaluate = redis.eval.bind(redis) as (...args: unknown[]) => Promise<unknown>;
  const sent = new Map<string, string>();
  /** The time of the last script, by the prefix of its keys. No end of a key passes while the clock stands. */
  const times = new Map<unknown, number>();
  const passed = (base: unknown) => {
    const before = times.get(base);
    times.set(base, clock.now());
    return before === clock.now() ? '' : '1';
  };
  const run = async (sha: string, args: readonly unknown[]) => {
    const known = sent.get(sha);
    if (known === undefined) throw new Error('NOSCRIPT The script was not sent with virtual time yet.');
    return await evalsha(known, ...args, passed(args[1]), String(clock.now()));
  };
  Object.assign(redis, {
    evalsha: async (sha: string, ...args: unknown[]) => await run(sha, args),
    eval: async (text: string, ...args: unknown[]) => {
      const sha = shaOf(text);
      if (sent.has(sha)) {
        // Another call has sent it a moment ago, and Redis reads in order.
        try {
          return await run(sha, args);
        } catch (error) {
          if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
        }
      }
      const whole = withVirtualTime(text);
      sent.set(sha, shaOf(whole));
      return await evaluate(whole, ...args, '1', String(clock.now()));
    },
    time: async () => [Math.floor(clock.now() / 1_000), (clock.now() % 1_000) * 1_000],
  });
}
