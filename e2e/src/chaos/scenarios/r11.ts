import { type Fleet, type FleetOptions, startFleet } from '@slipway/simulator';
import { memoryLimits } from '../../compose/limits.js';
import { type Arena, inArena } from '../arena.js';
import type { AttackResult, NewTenant } from '../hostile/attack.js';
import { attacks } from '../hostile/attacks/index.js';
import { startNeighbor } from '../hostile/neighbor.js';
import { watchProcesses } from '../hostile/processes.js';
import { newPathsThatStay, places, storedBytes } from '../hostile/stored.js';
import { createTenant, defaultSourceBytes } from '../hostile/tenants.js';
import { submitOne } from '../load.js';
import { pairs } from '../report.js';
import type { Chaos, Scenario } from '../scenario.js';

const mebibyte = 1024 * 1024;
/** Seconds that a job of the neighbor may take longer than a job of the control. */
const maxDelayS = 2;

export const r11: Scenario = {
  name: 'R11',
  about:
    'hostile archives, payloads, JSON and requests are refused with a code: no process dies, memory and disk are bounded, and a neighbor is not delayed',
  defaults: { jobs: 1, runs: 200 },

  async run(chaos) {
    const limits = { api: await memoryLimits('api'), worker: await memoryLimits('worker') };
    const options: FleetOptions = {
      replicas: [{ slots: 2 }],
      workers: 1,
      env: {
        api: { GIT_ALLOWED_SCHEMES: 'http', ...limits.api.environment },
        worker: limits.worker.environment,
      },
    };
    const control = await startFleet(options);
    try {
      return await inArena(chaos, options, async (arena) => {
        const { fleet, note } = arena;
        const neighbor = await startNeighbor({ attacked: fleet, control, note });
        const before = await places(fleet);
        const processes = watchProcesses({ fleet, ...limits });
        const { results, windows, budgetBytes } = await attack(arena, chaos);
        // Open connections and leftovers must not block the jobs of other tenants.
        await submitOne({ arena }, { name: 'afterwards', expected: 'succeeded' });
        const { jobs, failed, delayedS, worstBegunMs } = await neighbor.stop();
        const { ended, rssOver, apiRss, workerRss } = await processes.stop();
        const worst = windows.findLast(({ begunMs }) => begunMs <= worstBegunMs)?.name ?? 'the first attack';
        note(`${jobs} jobs of the neighbor; the largest delay was ${delayedS} s, at ${worst}`);
        for (const name of ended) note(`${name} has ended`);

        const digests = results.flatMap(({ mayBeStored = [] }) => mayBeStored);
        const written = await newPathsThatStay({ fleet, before, digests });
        for (const path of written) note(`${path} was written`);
        const stored = await storedBytes(fleet);
        return {
          faults: {
            ...sums(results.map(({ faults }) => faults)),
            written_elsewhere: written.length,
            rss_over: rssOver,
            stored_over: Math.max(0, stored - budgetBytes()),
            ended: ended.length,
            neighbor_failed: failed,
            delayed_over: Math.max(0, delayedS - maxDelayS),
          },
          figures: { delayed_s: delayedS },
          facts: {
            ...sums(results.map(({ facts }) => facts)),
            neighbor_jobs: jobs,
            api_rss_mb: Math.round(apiRss / mebibyte),
            worker_rss_mb: Math.round(workerRss / mebibyte),
            stored_mb: Math.round(stored / mebibyte),
          },
        };
      });
    } finally {
      await control.stop();
    }
  },
};

/** Runs the attacks one after the other, beside those in the background. */
async function attack({ fleet, note }: Arena, { attacks: wanted, quick, runs }: Chaos) {
  const chosen = attacks.filter(({ name }) => !wanted || wanted.includes(name));
  if (chosen.length === 0) throw new Error(`attacks are ${attacks.map(({ name }) => name).join(', ')}`);
  const othersEnded = new AbortController();
  const tenants: NewTenant[] = [];
  const addTenant = async (tenant: NewTenant) => {
    tenants.push(tenant);
    return await createTenant({ fleet, ...tenant });
  };
  const target = {
    ...addressOf(fleet),
    fleet,
    payloadSecret: fleet.payloadSecret,
    token: await addTenant({ name: 'hostile' }),
    count: runs,
    quick,
    note,
    addTenant,
    othersEnded: othersEnded.signal,
  };
  const results: AttackResult[] = [];
  const windows: { readonly name: string; readonly begunMs: number }[] = [];
  const background = Promise.all(
    chosen.filter(({ inBackground }) => inBackground).map((each) => each.run(target)),
  );
  // An error is thrown below, once the others have ended.
  background.catch(() => undefined);
  try {
    for (const each of chosen.filter(({ inBackground }) => !inBackground)) {
      windows.push({ name: each.name, begunMs: performance.now() });
      const result = await each.run(target);
      results.push(result);
      note(`${each.name}: ${pairs({ ...result.facts, ...result.faults }).join(' ')}`);
    }
  } finally {
    othersEnded.abort();
  }
  results.push(...(await background));
  /** Returns the bytes that all tenants may store, plus the same for the sources that payloads store for `default`. */
  const budgetBytes = () =>
    tenants.reduce(
      (sum, { limits }) => sum + (limits?.source_bytes ?? defaultSourceBytes),
      defaultSourceBytes,
    );
  return { results, windows, budgetBytes };
}

function addressOf({ apis: [api] }: Fleet) {
  if (!api) throw new Error('there is no API');
  return { url: api.url, port: Number(new URL(api.url).port) };
}

function sums(rows: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const row of rows) {
    for (const [key, value] of Object.entries(row)) total[key] = (total[key] ?? 0) + value;
  }
  return total;
}
