import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BuildkitdHandle, startBuildkitd } from '@slipway/local';
import { isTerminal, type Job } from '@slipway/shared/contracts';
import { type Stack, startStack } from '../../stack.js';
import { openArena } from '../isolation/arena.js';
import type { Chaos } from '../scenario.js';
import { waitFor } from '../waiting.js';
import { lostAttempts, type OutageCount, type ShownBuilder } from './outage.js';

const jobs = 8;
const builders = 2;
const patienceMs = 90_000;

/** Kills one of two real BuildKit daemons during builds, lets the other build the jobs, and starts the killed daemon again. */
export async function realOutage({ note }: Chaos): Promise<OutageCount & { lost: number; accepted: number }> {
  const stack = await startStack({ engine: 'buildkit', builders, workers: 1, slots: 2 });
  let daemon: BuildkitdHandle | undefined;
  try {
    await openArena(stack);
    const ids = await Promise.all(Array.from({ length: jobs }, (_, at) => submit(stack, `job-${at}`)));
    const victim = stack.part('builder 1').address;
    await waitFor('a build on the engine', patienceMs, async () =>
      ((await shown(stack, victim))?.in_flight ?? 0) > 0 ? true : undefined,
    );
    await waitFor('a job that runs', patienceMs, async () =>
      (await jobsOf(stack, ids)).some(({ attempts }) => attempts.at(-1)?.replica === victim)
        ? true
        : undefined,
    );
    note('kill -9 buildkitd 1, with builds in hand');
    stack.kill('buildkitd 1', 'SIGKILL');
    await waitFor('the dead engine to be shown', patienceMs, async () => {
      const builder = await shown(stack, victim);
      return builder?.readiness === 'broken' ? true : undefined;
    });
    const ended = await allEnded(stack, ids);
    const faults = (await shown(stack, victim))?.faults ?? 0;
    note(`${ended.length} of ${jobs} jobs ended on the other builder; ${faults} calls were wasted`);
    const dir = dirname(new URL(stack.part('buildkitd 1').address).pathname);
    daemon = await startBuildkitd({ dir, insecureRegistries: [stack.registry] });
    await waitFor('the builder to be ready again', patienceMs, async () =>
      (await shown(stack, victim))?.readiness === 'ready' ? true : undefined,
    );
    const more = await Promise.all(Array.from({ length: 4 }, (_, at) => submit(stack, `later-${at}`)));
    const all = [...ended, ...(await allEnded(stack, more))];
    return {
      accepted: ids.length + more.length,
      lost: ids.length + more.length - all.length,
      wrong: all.filter(({ state }) => state !== 'succeeded').length,
      overspent: all.filter((job) => lostAttempts(job) > 1).length,
      wasted: faults,
      overWasted: Math.max(0, faults - builders * 3),
    };
  } finally {
    await daemon?.stop();
    await stack.stop();
  }
}

async function submit(stack: Stack, name: string): Promise<string> {
  const Dockerfile = `FROM ${stack.registry}/isolation/base:1\nRUN echo ${name} > /name; busybox sleep 2\n`;
  const answer = await stack.call('/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ image: `${stack.registry}/engines/${name}:1`, source: { files: { Dockerfile } } }),
  });
  if (answer.status !== 202) throw new Error(`${name} was refused: ${await answer.text()}`);
  return ((await answer.json()) as Job).id;
}

const jobsOf = (stack: Stack, ids: readonly string[]): Promise<Job[]> =>
  Promise.all(ids.map(async (id) => (await (await stack.call(`/v1/jobs/${id}`)).json()) as Job));

/** Returns the jobs that ended in time. */
async function allEnded(stack: Stack, ids: readonly string[]): Promise<Job[]> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const ended = (await jobsOf(stack, ids)).filter(({ state }) => isTerminal(state));
    if (ended.length === ids.length || performance.now() > until) return ended;
    await sleep(250);
  }
}

async function shown(stack: Stack, url: string): Promise<ShownBuilder | undefined> {
  const answer = await stack.call('/v1/builders');
  const { builders: list } = (await answer.json()) as { builders: ShownBuilder[] };
  return list.find((builder) => builder.url === url);
}
