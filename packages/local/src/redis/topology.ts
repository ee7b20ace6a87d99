import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Member, startMember } from '../member.js';
import type { ProcessHandle } from '../process.js';
import type { RedisUsers } from '../shipped.js';
import { temporaryFolder } from '../temporary-folder.js';
import { askRedis } from './ask.js';
import { type RedisProgram, startRedis } from './server.js';

/** Options of several Redis servers that replace each other. */
export interface TopologyOptions {
  /** The users of each server. The named user must be an administrator, because replicas and sentinels connect as this user. */
  readonly users?: RedisUsers;
  readonly program?: RedisProgram;
  /** Further arguments of each server that holds data. */
  readonly settings?: readonly string[];
  /** The folder for the log of each process. Default: no logs. */
  readonly logFolder?: string;
  /** An empty folder for the data. Left out: a temporary folder, removed when the servers are stopped. */
  readonly dir?: string;
}

/** A server or a sentinel. It starts again on the same port, with the same data. */
export interface RedisNode extends Member {
  readonly port: number;
  /** Sends commands as administrator and returns their replies as text. Rejects if the process does not answer. */
  ask(...commands: string[]): Promise<string>;
}

/** Several Redis servers that replace each other, each a child process on 127.0.0.1. */
export interface RedisTopology {
  /** In the form of `REDIS_URL`, with the credentials of the administrator. */
  readonly url: string;
  /** The servers that hold data, primaries first at the start. */
  readonly nodes: readonly RedisNode[];
  /** The sentinels. Empty for a cluster. */
  readonly sentinels: readonly RedisNode[];
  /** Returns the server that takes writes of the key. Rejects while none does. */
  primaryOf(key: string): Promise<RedisNode>;
  /** Makes one of the key's replicas its primary with `CLUSTER FAILOVER` or `SENTINEL FAILOVER`, again until it is. */
  failover(key: string): Promise<void>;
  /** Waits until each process takes part again and each replica has the data of its primary. */
  settled(): Promise<void>;
  /** Stops every process, also frozen ones, and removes a temporary folder. */
  stop(): Promise<void>;
}

/** A process of a topology before its start. */
export interface NodePlan {
  /** `redis 1`, `sentinel 1` … */
  readonly name: string;
  readonly port: number;
  start(common: { readonly logFile?: string; readonly signal?: AbortSignal }): Promise<ProcessHandle>;
}

/** The processes of a step start side by side. `settled` then waits until they know each other. */
export interface TopologyPlan extends Pick<RedisTopology, 'url' | 'settled'> {
  readonly steps: readonly { readonly nodes: readonly NodePlan[]; settled(): Promise<void> }[];
}

export interface PlanOptions extends Pick<TopologyOptions, 'users' | 'program' | 'settings'> {
  /** The folder for the data, empty. */
  readonly dir: string;
}

/** Starts what a plan describes. Rejects when a part cannot be started; nothing is left running then. */
export async function startTopology(
  { users, logFolder, dir }: TopologyOptions,
  planIn: (dir: string) => Promise<TopologyPlan>,
): Promise<Omit<RedisTopology, 'primaryOf' | 'failover'>> {
  const temporary = dir === undefined ? await temporaryFolder() : undefined;
  const started: RedisNode[] = [];
  const stop = async () => {
    await Promise.all(started.map((node) => node.stop({ graceMs: stopMs })));
    await temporary?.remove();
  };
  const begin = async ({ name, port, start }: NodePlan): Promise<RedisNode> => {
    const logFile = logFolder && join(logFolder, `${name.replace(' ', '-')}.log`);
    const login = name.startsWith('redis') ? users : undefined;
    const member = await startMember({
      name,
      url: `redis://${credentials(login)}127.0.0.1:${port}`,
      start: () => start({ ...(logFile && { logFile }) }),
    });
    const node = Object.assign(member, {
      port,
      ask: (...commands: string[]) => askRedis({ port, users: login }, ...commands),
    });
    started.push(node);
    return node;
  };
  try {
    const plan = await planIn(dir ?? temporary?.path ?? '');
    const steps: RedisNode[][] = [];
    for (const { nodes, settled } of plan.steps) {
      const starts = nodes.map(begin);
      await Promise.allSettled(starts);
      steps.push(await Promise.all(starts));
      await settled();
    }
    const [nodes = [], sentinels = []] = steps;
    return { url: plan.url, nodes, sentinels, settled: plan.settled, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Returns the start of a server that holds data, with its own folder in `dir`. */
export function serverPlan(
  { dir, users, program, settings = [] }: PlanOptions,
  { name, port, own }: { name: string; port: number; own: readonly string[] },
): NodePlan {
  const login = users ? ['--masteruser', users.user, '--masterauth', users.password] : [];
  return {
    ...{ name, port },
    start: (common) =>
      startRedis({
        ...{ port, dir: join(dir, name.replace(' ', '-')), ...common },
        ...(users && { users }),
        ...(program && { program }),
        // A replica has the data at once, and a primary that stops does not wait for replicas that stop, too.
        settings: [
          ...[...login, '--repl-diskless-sync-delay', '0', '--shutdown-timeout', '0'],
          ...[...own, ...settings],
        ],
      }),
  };
}

/** A replica that writes its first append-only file refuses to end. Its data are removed anyway. */
const stopMs = 1_000;
const settleMs = 60_000;
const pollMs = 50;

/** A replica or sentinel may give a planned failover up after this time. */
const failoverMs = 6_000;

/** Asks for another primary of the key until it has one. */
export async function changePrimary(
  { primaryOf }: Pick<RedisTopology, 'primaryOf'>,
  key: string,
  request: () => Promise<unknown>,
): Promise<void> {
  const before = await primaryOf(key);
  let askedAt = Number.NEGATIVE_INFINITY;
  await settle(`a primary of ${key} after ${before.name}`, async () => {
    if ((await primaryOf(key)).name !== before.name) return true;
    if (performance.now() - askedAt > failoverMs) {
      await request();
      askedAt = performance.now();
    }
    return false;
  });
}

/** Waits until a question is answered with true. A server that does not answer is asked again. */
export async function settle(what: string, ask: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + settleMs;
  for (;;) {
    if (await ask().catch(() => false)) return;
    if (performance.now() > until) throw new Error(`waited ${settleMs} ms in vain: ${what}`);
    await delay(pollMs);
  }
}

export const credentials = (users: RedisUsers | undefined): string =>
  users ? `${users.user}:${users.password}@` : '';

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
