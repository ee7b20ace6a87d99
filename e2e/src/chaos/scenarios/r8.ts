import { setTimeout as sleep } from 'node:timers/promises';
import type { EndpointView, WebhookEventType } from '@slipway/shared/contracts';
import { type Arena, inArena } from '../arena.js';
import { type Arrived, type Hook, type Manner, startHook } from '../hooks/hook.js';
import { submitLoad, wishes } from '../load.js';
import { breakRedis } from '../outages.js';
import type { Scenario } from '../scenario.js';

const ends: readonly WebhookEventType[] = ['job.succeeded', 'job.failed', 'job.canceled'];
const all: readonly WebhookEventType[] = ['job.queued', 'job.started', ...ends];

const flakyShare = 0.3;
/**
 * Without any arrival for this long, missing events count as lost. It is longer than the wait before the third attempt (5 minutes and a
 * tenth) plus the longest pause of a lane. Receivers are well again before the third attempt of any message.
 */
const patienceMs = 660_000;

interface Wired {
  readonly hook: Hook;
  readonly endpoint: EndpointView;
  readonly events: readonly WebhookEventType[];
}

export const r8: Scenario = {
  name: 'R8',
  about:
    'receivers are down, slow, answer 500, 410 or a redirect, or fail at random, with kill -9 of workers and Redis: every event arrives',
  defaults: { jobs: 3_400, runs: 0 },

  run: (chaos) =>
    inArena(
      chaos,
      {
        replicas: [{ slots: 8 }, { slots: 8 }, { slots: 8 }],
        durations: { meanMs: 50, sigma: 0.6 },
      },
      async (arena) => {
        const { fleet, ledger, note, random } = arena;
        const wired: Record<string, Wired> = {};
        const trap = await startHook({ name: 'trap', secret: () => '' });
        try {
          for (const [name, events] of Object.entries({
            steady: ends,
            down: ends,
            slow: ends,
            errors: ends,
            redirected: ends,
            gone: ends,
            flaky: all,
          })) {
            wired[name] = await wire(arena, name, events);
          }
          const behave = async (manners: Readonly<Record<string, Manner>>) => {
            for (const [name, manner] of Object.entries(manners)) await wired[name]?.hook.behave(manner);
          };
          await behave({
            down: 'down',
            slow: 'hang',
            errors: { status: 500 },
            redirected: { redirect: trap.url },
            gone: { status: 410 },
            flaky: { flaky: { share: flakyShare, random } },
          });
          const load = submitLoad({ arena, wishes: wishes(chaos.jobs), perSecond: 120, concurrency: 16 });
          await sleep(chaos.quick ? 1_000 : 5_000);
          await killWorkers(arena);
          // Requests that time out after 15 s are part of a long run.
          await sleep(chaos.quick ? 1_000 : 15_000);
          note(`kill -9 redis, for a second; ${ledger.accepted.size} jobs are accepted`);
          await breakRedis(fleet, { how: 'restart', ms: 1_000 });
          await load;
          note('every receiver is well again, the flaky one excepted');
          const well = { status: 204 };
          await behave({ down: well, slow: well, errors: well, redirected: well });
          await killWorkers(arena);
          await ledger.settle(60_000);
          const late = await missingAfterAll(arena, wired);
          return {
            faults: {
              missing: late,
              changed: sum(wired, ({ hook }) => count(hook, ({ bodies }) => bodies.size > 1)),
              unsigned: sum(wired, ({ hook }) => hook.badSignatures()),
              redirects_followed: trap.requests(),
              gone_and_enabled: (await isEnabled(arena, wired.gone)) ? 1 : 0,
              stale_at_the_end: staleAtTheEnd(wired.flaky?.hook),
            },
            facts: {
              events: sum(wired, ({ hook }) => hook.taken.size),
              requests: sum(wired, ({ hook }) => hook.requests()),
              taken_again: sum(wired, ({ hook }) => count(hook, ({ taken }) => taken > 1)),
              flaky_events: wired.flaky?.hook.taken.size ?? 0,
              gone_requests: wired.gone?.hook.requests() ?? 0,
            },
          };
        } finally {
          for (const { hook } of Object.values(wired)) hook.stop();
          trap.stop();
        }
      },
    ),
};

/** A receiver with its endpoint. */
async function wire({ fleet }: Arena, name: string, events: readonly WebhookEventType[]): Promise<Wired> {
  let secret = '';
  const hook = await startHook({ name, secret: () => secret });
  const answer = await fleet.calls.call('/v1/webhooks', {
    method: 'POST',
    json: { url: hook.url, events, description: name },
  });
  if (answer.status !== 201)
    throw new Error(`an endpoint was answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
  const endpoint = answer.body as EndpointView & { secret: string };
  secret = endpoint.secret;
  return { hook, endpoint, events };
}

/** Kills each worker in turn and starts it again, while the others go on. */
async function killWorkers({ fleet, note }: Arena): Promise<void> {
  for (const worker of fleet.workers) {
    note(`kill -9 ${worker.name}`);
    worker.kill('SIGKILL');
    await worker.ended();
    await worker.start();
  }
}

/** Waits until every receiver has every expected event, or none arrives for `patienceMs`. Returns the number of missing events. */
async function missingAfterAll(arena: Arena, wired: Readonly<Record<string, Wired>>): Promise<number> {
  const expected = await expectedIds(arena);
  const missing = () =>
    Object.entries(wired).flatMap(([name, { hook, events }]) =>
      name === 'gone'
        ? []
        : (events === all ? expected.all : expected.ends)
            .filter((id) => !hook.taken.has(id))
            .map((id) => `${name}: ${id}`),
    );
  let left = missing();
  let since = performance.now();
  while (left.length > 0 && performance.now() - since < patienceMs) {
    await sleep(500);
    const now = missing();
    if (now.length < left.length) since = performance.now();
    if (now.length !== left.length && now.length < 20) arena.note(`${now.length} events are missing`);
    left = now;
  }
  for (const what of left.slice(0, 20)) arena.note(`never arrived: ${what}`);
  return left.length;
}

/** Returns the `webhook-id` of each event. Each version of a job, up to that of its end, is one event. */
async function expectedIds({ ledger }: Arena): Promise<{ ends: string[]; all: string[] }> {
  const found = { ends: [] as string[], all: [] as string[] };
  for (const id of ledger.accepted.keys()) {
    const job = await ledger.job(id);
    if (!job) continue;
    found.ends.push(`msg_${id}_${job.version}`);
    // A job that was requeued has other versions in between.
    const versions = job.version === 3 ? [1, 2, 3] : [1, job.version];
    found.all.push(...versions.map((version) => `msg_${id}_${version}`));
  }
  return found;
}

async function isEnabled({ fleet }: Arena, wired: Wired | undefined): Promise<boolean> {
  const answer = await fleet.calls.call(`/v1/webhooks/${wired?.endpoint.id}`);
  const { enabled, disabled } = answer.body as EndpointView;
  return enabled || disabled?.reason !== 'gone';
}

/** Returns the number of jobs whose message with the highest sequence does not have their final state. */
function staleAtTheEnd(hook: Hook | undefined): number {
  const newest = new Map<string, Arrived>();
  for (const arrived of hook?.taken.values() ?? []) {
    const before = newest.get(arrived.job);
    if (!before || before.sequence < arrived.sequence) newest.set(arrived.job, arrived);
  }
  return [...newest.values()].filter(({ type }) => !(ends as readonly string[]).includes(type)).length;
}

const count = (hook: Hook, test: (arrived: Arrived) => boolean) =>
  [...hook.taken.values()].filter(test).length;

function sum(wired: Readonly<Record<string, Wired>>, of: (each: Wired) => number): number {
  return Object.values(wired).reduce((total, each) => total + of(each), 0);
}
