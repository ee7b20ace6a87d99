import { setTimeout as sleep } from 'node:timers/promises';
import { readStats } from '@slipway/simulator';
import { type Arena, inArena } from '../arena.js';
import {
  demote,
  follow,
  inSync,
  type Node,
  promote,
  type RedisPair,
  startPair,
} from '../failover/redis-pair.js';
import { createRedisProxy, type RedisProxy } from '../failover/redis-proxy.js';
import { submitLoad, submitOne, wishes } from '../load.js';
import type { Scenario } from '../scenario.js';
import { waitFor } from '../waiting.js';

const limitMs = 5_000;
const patienceMs = 60_000;
const slots = 4;

/** `failover`: the other Redis is promoted and gets new connections; `repair`: the demoted Redis is promoted again. */
const ways = ['failover', 'failover', 'repair'] as const;

interface Run {
  readonly arena: Arena;
  readonly proxy: RedisProxy;
  readonly way: (typeof ways)[number];
  readonly primary: Node;
  readonly other: Node;
  readonly name: string;
  readonly demotedMs: number;
}

export const r15: Scenario = {
  name: 'R15',
  about:
    'REPLICAOF demotes the Redis primary and keeps its connections: writes resume within 5 s of the promotion, without a restart',
  defaults: { jobs: 300, runs: 6 },

  async run(chaos) {
    const proxy = createRedisProxy();
    let pair: RedisPair | undefined;
    try {
      return await inArena(
        chaos,
        {
          replicas: [{ slots }, { slots }],
          durations: { meanMs: 200, sigma: 0.6 },
          apis: 2,
          redisThrough: (port) => proxy.open(port),
        },
        async (arena) => {
          pair = await startPair(arena.fleet);
          const { random, fleet } = arena;
          const processes = [...fleet.apis, ...fleet.workers];
          const pids = processes.map(({ pid }) => pid);
          const { first, second } = pair;
          let [primary, other] = [first, second];
          const faults = { late: 0, never_503: 0, wrong_answers: 0, restarted: 0 };
          let longestMs = 0;
          for (let run = 0; run < chaos.runs * ways.length; run++) {
            const way = ways[run % ways.length] ?? 'repair';
            const demotedMs = chaos.quick ? 2_500 : 3_000 + random() * 12_000;
            const result = await oneDemotion({
              arena,
              proxy,
              way,
              primary,
              other,
              name: `run-${run}`,
              demotedMs,
            });
            longestMs = Math.max(longestMs, result.resumedMs);
            if (result.resumedMs > limitMs) faults.late++;
            if (!result.said503) faults.never_503++;
            faults.wrong_answers += result.wrongAnswers;
            if (way === 'failover') [primary, other] = [other, primary];
          }
          faults.restarted = processes.filter(({ pid, running }, at) => !running || pid !== pids[at]).length;
          return { faults, figures: { resume_s: Math.round(longestMs / 100) / 10 } };
        },
      );
    } finally {
      await pair?.stop();
      proxy.close();
    }
  },
};

async function oneDemotion({ arena, proxy, way, primary, other, name, demotedMs }: Run) {
  const { chaos, fleet, ledger, note } = arena;
  const answers = new Map<string, number>();
  const stop = new AbortController();
  const load = submitLoad({
    arena,
    wishes: wishes(chaos.jobs, name).map((wish) => ({ ...wish, expected: 'succeeded' })),
    perSecond: 40,
    onRefused({ answer, error }) {
      const said = answer ? `${answer.status} ${(answer.body as { code?: string }).code}` : String(error);
      answers.set(said, (answers.get(said) ?? 0) + 1);
    },
  });
  await sleep(1_000);
  note(
    `${name}, ${way}: the primary is demoted for ${Math.round(demotedMs)} ms; ${ledger.open().length} jobs are open`,
  );
  await demote(primary, other);
  const unready = readiness(arena, stop.signal);
  await sleep(demotedMs);
  stop.abort();
  const said503 = (await unready).every((codes) => codes.has('503 redis_readonly'));
  const promoted = Date.now();
  if (way === 'failover') {
    await promote(other);
    proxy.point(other.port);
  } else {
    await promote(primary);
    await follow(other, primary);
  }
  const after = `after-${name}`;
  const submitted = submitOne({ arena }, { name: after, expected: 'succeeded' });
  await waitFor('a build after the promotion', patienceMs, async () => {
    const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
    return stats.some(({ last_begun_at: at }) => (at ?? 0) > promoted) ? true : undefined;
  });
  const resumedMs = Date.now() - promoted;
  note(
    `builds again after ${resumedMs} ms; refused: ${[...answers].map((pair) => pair.join(' x')).join(', ')}`,
  );
  await Promise.all([load, submitted]);
  await ledger.settle(patienceMs);
  const [now, replica] = way === 'failover' ? [other, primary] : [primary, other];
  await inSync(now, replica);
  const right = (said: string) => said === '503 redis_readonly' || said === '503 redis_unavailable';
  const wrongAnswers = [...answers].reduce((sum, [said, times]) => sum + (right(said) ? 0 : times), 0);
  return { resumedMs, wrongAnswers, said503 };
}

/** Returns the readiness codes that each API and worker reports until the signal is aborted. */
async function readiness({ fleet }: Arena, signal: AbortSignal): Promise<Set<string>[]> {
  const ask = async (url: string) => {
    const codes = new Set<string>();
    while (!signal.aborted) {
      const answer = await fetch(`${url}/readyz`);
      codes.add(`${answer.status} ${((await answer.json()) as { code?: string }).code}`);
      await sleep(100);
    }
    return codes;
  };
  return await Promise.all([...fleet.apis, ...fleet.workers].map(({ url }) => ask(url)));
}
