import type { Cell } from './cell.js';
import { slots } from './fleet.js';
import { largeJobs, meanWarmMs, small, smallJob } from './workload.js';

/** Jobs that wait in the queue while the large tenants have more. */
const backlog = 10_000;
const smallEveryMs = 5_000;

interface FixedFleet {
  readonly replicas: number;
  readonly jobs: number;
  readonly note: (text: string) => void;
}

/** A fleet of constant size builds all jobs of large tenants, beside a small tenant with a job now and then. */
export async function fixedFleet(cell: Cell, { replicas, jobs, note }: FixedFleet) {
  const { builds, fleet, queue, clock, random } = cell;
  const begun = clock.now();
  await fleet.set(
    Array.from({ length: replicas }, () => fleet.add(begun)),
    'builds',
    begun,
  );
  const planned = largeJobs(jobs, random);
  let left = jobs;
  let smallJobs = 0;
  const isDone = () => left === 0 && builds.unended === 0;
  const submit = async () => {
    const count = Math.min(left, backlog - queue.size);
    if (count < Math.min(left, 500)) return;
    left -= count;
    await builds.submit(
      Array.from({ length: count }, () => planned.next().value).filter((job) => job !== undefined),
    );
  };
  await submit();
  cell.keepAlive(isDone);
  cell.every(250, submit, () => left === 0);
  // While the large tenants have jobs that wait.
  const isQuiet = () => left === 0 && queue.size === 0;
  cell.every(smallEveryMs, () => builds.submit([smallJob(smallJobs++, random)]), isQuiet);
  cell.every(60_000, async () => note(`fixed fleet: ${jobs - left} of ${jobs} jobs accepted`), isDone);
  await builds.run();
  const boundMs = builds.leastWorkMs / (replicas * slots);
  const waits = (builds.waits.get(small.name) ?? []).toSorted((a, b) => a - b);
  return {
    makespan_ratio: (builds.lastEndAt - begun) / boundMs,
    wait_rounds: (waits.at(-1) ?? 0) / meanWarmMs,
    wait_rounds_median: (waits[waits.length >> 1] ?? 0) / meanWarmMs,
    affinity_share: builds.affinity.hits / Math.max(1, builds.affinity.builds),
  };
}
