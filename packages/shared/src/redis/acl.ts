import type { Redis } from './connect.js';

/** Commands that Slipway and BullMQ write with. Redis checks them and their keys while it loads its append-only file. */
const writingCommands = [
  ...['set', 'del', 'unlink', 'incr', 'incrby', 'pexpire', 'pexpireat', 'persist', 'rename'],
  ...['hset', 'hsetnx', 'hmset', 'hdel', 'hincrby', 'hincrbyfloat', 'sadd', 'srem'],
  ...['zadd', 'zrem', 'zincrby', 'zpopmin', 'zremrangebyrank', 'zremrangebyscore'],
  ...['lpush', 'rpush', 'lrem', 'ltrim', 'lpop', 'rpop', 'rpoplpush', 'lmove'],
  ...['xadd', 'xtrim', 'xdel', 'xack', 'xclaim', 'xgroup|create'],
];
const sampleNames = ['events', 'job:job_0', 'bull:builds:meta', 'index:label:a/b=c', ' [x]\\*?'];

interface Permissions {
  readonly commands: string;
  readonly keys: readonly string[];
}

/** Returns true if the user `default` may write every key below `base`. Rejects when the connection may not read its rights. */
export async function defaultUserWrites({ redis, base }: { redis: Redis; base: string }): Promise<boolean> {
  const reply = (await redis.call('ACL', 'GETUSER', 'default')) as readonly unknown[];
  const sets = [reply, ...((fieldsOf(reply).get('selectors') ?? []) as readonly (readonly unknown[])[])].map(
    permissions,
  );
  const information = (await redis.call('COMMAND', 'INFO', ...writingCommands)) as readonly (
    | readonly unknown[]
    | null
  )[];
  const known = information.flatMap((entry) => (entry ? [entry] : []));
  return known.every((entry) => {
    const command = {
      name: String(entry[0]).toLowerCase(),
      categories: (entry[6] ?? []) as readonly string[],
    };
    return sampleNames.every((name) =>
      sets.some(
        ({ commands, keys }) => mayRun(commands, command) && keys.some((glob) => matches(glob, base + name)),
      ),
    );
  });
}

function fieldsOf(reply: readonly unknown[]): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  for (let at = 0; at + 1 < reply.length; at += 2) fields.set(String(reply[at]), reply[at + 1]);
  return fields;
}

/**
 * Returns the rights. Redis 6 lists the patterns of keys, later versions write them as rules. A rule for only reading or only
 * writing does not count.
 */
function permissions(reply: readonly unknown[]): Permissions {
  const fields = fieldsOf(reply);
  const keys = fields.get('keys');
  const globs = Array.isArray(keys)
    ? keys.map((glob) => String(glob).replace(/^~/, ''))
    : String(keys ?? '')
        .split(' ')
        .flatMap((rule) => /^(?:%RW)?~(.*)$/s.exec(rule)?.slice(1) ?? []);
  return { commands: String(fields.get('commands') ?? ''), keys: globs };
}

/** Returns true if the last rule that names the command or one of its categories allows it. */
function mayRun(
  rules: string,
  { name, categories }: { name: string; categories: readonly string[] },
): boolean {
  let allowed = false;
  for (const rule of rules.toLowerCase().split(' ')) {
    const what = rule.slice(1);
    if (what === '@all' || what === name || what === name.split('|')[0] || categories.includes(what))
      allowed = rule.startsWith('+');
  }
  return allowed;
}

/** Matches a Redis glob: `*`, `?`, `[…]`, and `\` before a literal character. */
function matches(glob: string, key: string): boolean {
  const pattern = glob.replace(
    /\\(.)|\[(\^?)((?:\\.|[^\]])*)\]|([*?])|([\s\S])/g,
    (_all, escaped, not, set, wild, plain) => {
      if (wild !== undefined) return wild === '*' ? '[\\s\\S]*' : '[\\s\\S]';
      if (set !== undefined) return `[${not}${String(set).replaceAll('[', '\\[')}]`;
      return String(escaped ?? plain).replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
    },
  );
  return new RegExp(`^(?:${pattern})$`).test(key);
}
