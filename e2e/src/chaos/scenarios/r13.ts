import { setTimeout as sleep } from 'node:timers/promises';
import { readStats, setFaults } from '@slipway/simulator';
import { canUse } from '../../engines.js';
import { type Arena, inArena } from '../arena.js';
import { lostAttempts, type ShownBuilder } from '../engines/outage.js';
import { realOutage } from '../engines/real-engine.js';
import { submitLoad, wishes } from '../load.js';
import type { Scenario } from '../scenario.js';
import { waitFor } from '../waiting.js';

const replicas = 4;
const slots = 2;
const patienceMs = 60_000;

/** `some`: the engines of two replicas die, one of which gives a reason; `all`: every engine dies. */
const ways = ['some', 'all'] as const;

export const r13: Scenario = {
  name: 'R13',
  about:
    'engines die and return behind live replicas: a job spends at most one attempt, few builds are lost, and the API shows the replica as broken',
  defaults: { jobs: 400, runs: 4 },

  async run(chaos) {
    const simulated = await inArena(
      chaos,
      {
        replicas: Array.from({ length: replicas }, () => ({ slots })),
        durations: { meanMs: 200, sigma: 0.6 },
      },
      async (arena) => {
        let [most, over, resumedMs] = [0, 0, 0];
        for (let run = 0; run < chaos.runs * ways.length; run++) {
          const outage = await oneOutage(arena, ways[run % ways.length] ?? 'all', `run-${run}`);
          most = Math.max(most, outage.wasted);
          over += Math.max(0, outage.wasted - replicas * 3);
          resumedMs = Math.max(resumedMs, outage.resumedMs);
        }
        const jobs = await Promise.all([...arena.ledger.accepted.keys()].map((id) => arena.ledger.job(id)));
        const overspent = jobs.filter((job) => job && lostAttempts(job) > 1).length;
        return {
          faults: { overspent, over_wasted: over },
          figures: { wasted_builds: most, resume_s: Math.round(resumedMs / 100) / 10 },
          noAttempts: ['engine_unreachable', 'builder_unreachable'],
        };
      },
    );
    if (!canUse('buildkit')) return simulated;
    const real = await realOutage(chaos);
    return {
      ...simulated,
      lost: simulated.lost + real.lost,
      faults: {
        ...simulated.faults,
        real_wrong: real.wrong,
        real_overspent: real.overspent,
        real_over_wasted: real.overWasted,
      },
      figures: { ...simulated.figures, real_wasted_builds: real.wasted },
      facts: { ...simulated.facts, real_accepted: real.accepted },
    };
  },
};

/** Kills engines under load, waits until the API shows the outage, and starts the engines again. */
async function oneOutage(arena: Arena, way: (typeof ways)[number], name: string) {
  const { chaos, fleet, ledger, note, random } = arena;
  const dying = way === 'all' ? fleet.replicas : fleet.replicas.slice(0, 2);
  const before = await wasted(arena);
  const load = submitLoad({
    arena,
    wishes: wishes(chaos.jobs, name).map((wish) => ({ ...wish, expected: 'succeeded' })),
    perSecond: 30,
  });
  await sleep(1_000);
  note(`${name}: the engines of ${way === 'all' ? 'all' : dying.length} replicas die`);
  await Promise.all(
    dying.map(({ url }, at) => setFaults(url, [{ fault: 'engine_dead', reason: at % 2 === 0 }])),
  );
  for (const { url } of dying) {
    await waitFor(`${url} to be shown as broken`, patienceMs, async () =>
      (await shown(arena, url))?.readiness === 'broken' ? true : undefined,
    );
  }
  note(`${name}: all of them are shown as broken`);
  await sleep(chaos.quick ? 3_000 : 5_000 + random() * 20_000);
  const revived = Date.now();
  await Promise.all(dying.map(({ url }) => setFaults(url, [])));
  await load;
  for (const { url } of dying) {
    await waitFor(`${url} to be shown as ready`, patienceMs, async () =>
      (await shown(arena, url))?.readiness === 'broken' ? undefined : true,
    );
  }
  await ledger.settle(patienceMs);
  const first = await waitFor('a build after the engines came back', patienceMs, async () => {
    const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
    const ended = stats.flatMap(({ last_ended_at: at }) => (at !== null && at > revived ? [at] : []));
    return way === 'some' ? revived : ended.length > 0 ? Math.min(...ended) : undefined;
  });
  const count = (await wasted(arena)) - before;
  note(`${name}: ${count} builds were wasted`);
  return { wasted: count, resumedMs: first - revived };
}

/** Returns the number of builds that were sent to dead engines, or that ran when an engine died. */
async function wasted({ fleet }: Arena): Promise<number> {
  const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
  return stats.reduce((sum, { faults }) => sum + (faults.engine_dead ?? 0), 0);
}

async function shown({ fleet }: Arena, url: string): Promise<ShownBuilder | undefined> {
  const { body } = await fleet.calls.call('/v1/builders');
  return (body as { builders: ShownBuilder[] }).builders.find((builder) => builder.url === url);
}
