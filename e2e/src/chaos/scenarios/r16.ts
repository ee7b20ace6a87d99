import type { Member } from '@slipway/local';
import { type ClockOffset, clockOff, secondsOf } from '../../clock/clock-off.js';
import { type Arena, inArena } from '../arena.js';
import { submitLoad, wishes } from '../load.js';
import type { Scenario } from '../scenario.js';
import { waitFor } from '../waiting.js';

const offsets: readonly ClockOffset[] = ['+1h', '-1h', '+100d', '-100d'];
const tokenDays = 30;
/** The largest difference at which a clock counts as right, or two times as equal. */
const toleranceSeconds = 120;

export const r16: Scenario = {
  name: 'R16',
  about:
    'the clock of a worker and of an API is off by an hour and by 100 days: nothing is deleted, expired or delivered wrongly, and each reports it',
  defaults: { jobs: 200, runs: 1 },

  run: async (chaos) => {
    /** The extra environment for the next start of a process. */
    const clocks = new Map<string, Record<string, string>>();
    return await inArena(
      chaos,
      {
        replicas: [{ slots: 4 }, { slots: 4 }],
        durations: { meanMs: 150, sigma: 0.6 },
        apis: 2,
        workers: 2,
        envOf: (name) => clocks.get(name) ?? {},
      },
      async (arena) => {
        const faults = { unalarmed: 0, led: 0, wrong_expiry: 0, gone: 0 };
        const { fleet, ledger, note } = arena;
        const [api, worker] = [fleet.apis[0], fleet.workers[0]] as [Member, Member];
        for (let run = 1; run <= chaos.runs; run++) {
          for (const [at, offset] of offsets.entries()) {
            note(`the clocks of ${api.name} and ${worker.name} are off by ${offset}`);
            for (const member of [api, worker]) {
              clocks.set(member.name, await clockOff(offset));
              await member.stop();
              await member.start();
              if (!(await isAlarmed(member, offset))) faults.unalarmed++;
            }
            const name = `off-${run}-${at}`;
            const expected = 'succeeded' as const;
            const each = Math.ceil(chaos.jobs / offsets.length);
            const load = wishes(each, name).map((wish) => ({ ...wish, expected }));
            await submitLoad({ arena, wishes: load, perSecond: 40 });
            faults.wrong_expiry += await wrongExpiry(arena);
            await ledger.settle(60_000);
            if ((await metric(worker, 'slipway_leader')) !== 0) faults.led++;
          }
        }
        const right = fleet.workers[1] as Member;
        await waitFor('the worker with the right clock to lead', 60_000, async () =>
          (await metric(right, 'slipway_leader')) === 1 ? true : undefined,
        );
        const kept = await Promise.all([...ledger.accepted.keys()].map((id) => ledger.job(id)));
        faults.gone = kept.filter((job) => job === undefined).length;
        clocks.clear();
        return { faults, facts: { clocks: offsets.length } };
      },
    );
  },
};

/** Returns true when readiness names the clock and the alert's metric has the offset. */
async function isAlarmed(member: Member, offset: ClockOffset): Promise<boolean> {
  const answer = await fetch(`${member.url}/readyz`);
  const measured = await metric(member, 'slipway_clock_offset_seconds');
  const isNear = Math.abs(measured - secondsOf(offset)) < toleranceSeconds;
  return isNear && (await answer.text()).includes("Redis' clock; set it right");
}

async function metric({ url }: Member, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

/** Creates a token at the API with the wrong clock. The token must end by Redis' time and work at both APIs. Returns 1 for a fault, else 0. */
async function wrongExpiry({ fleet, note }: Arena): Promise<number> {
  const json = { description: 'CI', scopes: ['jobs:read'], expires_in_days: tokenDays };
  const made = await fleet.calls.call('/v1/tokens', { method: 'POST', json, api: 0 });
  const { token, expires_at: end } = made.body as { token?: string; expires_at?: string };
  const taken = await Promise.all(
    [0, 1].map((api) => fleet.calls.call('/v1/jobs?limit=1', { token, api }).then(({ status }) => status)),
  );
  const offSeconds = Math.abs(Date.parse(String(end)) - Date.now()) / 1_000 - tokenDays * 86_400;
  const isRight = Math.abs(offSeconds) < toleranceSeconds && taken.every((status) => status === 200);
  if (!isRight) note(`a token of ${tokenDays} days ends ${end}; the APIs answer ${taken.join(' and ')}`);
  return isRight ? 0 : 1;
}
