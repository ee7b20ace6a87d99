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

/**
 * Put before each script. The last argument of a script is the time in ms. `TIME` returns it, and keys expire by it: their ends are in a
 * sorted set. Commands outside scripts still expire keys by Redis' own time.
 */
const prelude = `
local redis = (function(real, now, expiries)
  local call = real.call
  for _, key in ipairs(call('ZRANGEBYSCORE', expiries, '-inf', now)) do
    call('DEL', key)
    call('ZREM', expiries, key)
  end
  local function expire(key, ms, option)
    if option and option ~= 'NX' then error('virtual time does not know EXPIRE ' .. option) end
    if call('EXISTS', key) == 0 or (option and call('ZSCORE', expiries, key)) then return 0 end
    call('ZADD', expiries, now + ms, key)
    return 1
  end
  local virtual = {
    TIME = function()
      return { string.format('%.0f', math.floor(now / 1000)), string.format('%.0f', now % 1000 * 1000) }
    end,
    PEXPIRE = expire,
    EXPIRE = function(key, seconds, option) return expire(key, seconds * 1000, option) end,
    PTTL = function(key)
      if call('EXISTS', key) == 0 then return -2 end
      local at = call('ZSCORE', expiries, key)
      return at and tonumber(at) - now or -1
    end,
    DEL = function(...)
      call('ZREM', expiries, ...)
      return call('DEL', ...)
    end,
    SET = function(key, value, ...)
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
    end,
  }
  return setmetatable({
    call = function(name, ...)
      local instead = virtual[name]
      if instead then return instead(...) end
      return call(name, ...)
    end,
  }, { __index = real })
end)(redis, tonumber(ARGV[#ARGV]), KEYS[1] .. 'virtual-expiries')
`;

const shaOf = (text: string) => createHash('sha1').update(text).digest('hex');

/**
 * Makes the scripts of a connection take the time from a clock of the caller, for tests and simulations. The scripts themselves stay as
 * they are: each is sent with a prelude. Only code that holds the connection can call this, and .dependency-cruiser.cjs keeps this folder
 * out of services.
 */
export function setVirtualTime(redis: Redis, clock: { now(): number }): void {
  const evalsha = redis.evalsha.bind(redis) as (...args: unknown[]) => Promise<unknown>;
  const evaluate = redis.eval.bind(redis) as (...args: unknown[]) => Promise<unknown>;
  const sent = new Map<string, string>();
  const time = () => String(clock.now());
  Object.assign(redis, {
    evalsha: async (sha: string, ...args: unknown[]) => {
      const known = sent.get(sha);
      if (known === undefined) throw new Error('NOSCRIPT The script was not sent with virtual time yet.');
      return await evalsha(known, ...args, time());
    },
    eval: async (text: string, ...args: unknown[]) => {
      const whole = prelude + text;
      sent.set(shaOf(text), shaOf(whole));
      return await evaluate(whole, ...args, time());
    },
    time: async () => [Math.floor(clock.now() / 1_000), (clock.now() % 1_000) * 1_000],
  });
}
