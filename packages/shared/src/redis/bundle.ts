import type { Redis } from './connect.js';

/** An argument of a script. */
export interface Field {
  readonly name: string;
  readonly kind: 'text' | 'number' | 'boolean' | 'list';
  readonly optional: boolean;
}

/** A script as Redis receives it. A plain value, so a thread can get it from another one. */
export interface ScriptBundle {
  readonly text: string;
  /** The SHA-1 of the text, in hexadecimal digits. */
  readonly sha: string;
  /** The arguments in the order of transmission. */
  readonly fields: readonly Field[];
}

interface BundleTarget {
  readonly redis: Redis;
  /** The prefix of every key. */
  readonly base: string;
}

/** Runs a script. The caller has checked the arguments. */
export async function runBundle(
  { redis, base }: BundleTarget,
  { text, sha, fields }: ScriptBundle,
  args: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const sent = [base];
  encode(fields, args, sent);
  try {
    return await redis.evalsha(sha, 1, ...sent);
  } catch (error) {
    if (!lacksScript(error)) throw error;
    return await redis.eval(text, 1, ...sent);
  }
}

/** Adds the arguments to the texts that are sent. A list follows its length. */
function encode(fields: readonly Field[], args: Readonly<Record<string, unknown>>, sent: string[]): void {
  for (const { name, kind } of fields) {
    const value = args[name];
    if (kind === 'list') {
      const list = value as readonly string[];
      sent.push(String(list.length), ...list);
    } else if (kind === 'boolean') sent.push(value ? '1' : '');
    else sent.push(value === undefined ? '' : String(value));
  }
}

/** The errors in which ioredis keeps a reply. */
interface WrappedReply extends Error {
  readonly lastNodeError?: unknown;
  readonly previousErrors?: readonly unknown[];
}

/** Returns true if Redis does not have the script, as after a restart or a failover. Clients may wrap that reply. */
function lacksScript(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { cause, lastNodeError, previousErrors = [] } = error as WrappedReply;
  return error.message.startsWith('NOSCRIPT') || [cause, lastNodeError, ...previousErrors].some(lacksScript);
}
