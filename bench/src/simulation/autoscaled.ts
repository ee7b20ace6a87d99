import type { Cell } from './cell.js';
import { type SimulatedReplica, slots } from './fleet.js';
import { Autoscaler, askedBy, type Signal } from './scaling.js';
import { largeJobs, meanWarmMs } from './workload.js';

/** An autoscaler looks this often. */
const syncMs = 15_000;
const bootMs = { least: 30_000, most: 90_000 };
/** The share of replicas that die in an hour. */
const lostInAnHour = 0.05;
/** Milliseconds until workers see that a replica died. */
const noticeMs = 5_000;
/** The share of the jobs that come slowly after the rush, and the time in which they come. */
const tail = { share: 0.05, ms: 1_800_000 };
const submitEveryMs = 1_000;

interface Autoscaled {
  readonly replicas: number;
  readonly jobs: number;
  readonly signal: Signal;
  readonly note: (text: string) => void;
}

/** A fleet grows from one replica to the limit and back, while replicas boot slowly and die. */
export async function autoscaled(cell: Cell, { replicas: most, jobs, signal, note }: Autoscaled) {
  const { builds, fleet, queue, registry, clock, random, capacity } = cell;
  const begun = clock.now();
  const scaler = new Autoscaler({ least: 1, most });
  let lost = 0;
  let submitted = 0;
  const isDone = () => submitted >= jobs && builds.unended === 0;

  const boot = (count: number) => {
    for (let at = 0; at < count; at++) {
      const replica = fleet.add(clock.now());
      builds.at(clock.now() + random.between(bootMs.least, bootMs.most), () => begin(replica));
    }
  };
  const begin = async (replica: SimulatedReplica) => {
    if (replica.state !== 'boots') return;
    await fleet.set([replica], 'builds', clock.now());
    const lifeMs = random.exponential(3_600_000 / lostInAnHour);
    builds.at(clock.now() + lifeMs, () => die(replica));
  };
  const die = async (replica: SimulatedReplica) => {
    if (isDone() || (replica.state !== 'builds' && replica.state !== 'drains')) return;
    const isReplaced = replica.state === 'builds';
    lost++;
    await fleet.set([replica], 'dead', clock.now());
    await builds.lose(replica);
    builds.at(clock.now() + noticeMs, () => fleet.retire([replica]));
    if (isReplaced) boot(1);
  };
  const endDrained = async () => {
    const ended = fleet.costing().filter(({ state, taken }) => state === 'drains' && taken === 0);
    if (ended.length === 0) return;
    await fleet.set(ended, 'gone', clock.now());
    await fleet.retire(ended);
  };

  const first = fleet.add(begun);
  await begin(first);
  const planned = largeJobs(jobs, random);
  const inTail = Math.round(jobs * tail.share);
  const rushMs = (0.8 * (jobs - inTail) * meanWarmMs) / (most * slots);
  const submit = async () => {
    const passed = clock.now() - begun;
    const due =
      passed < rushMs
        ? ((jobs - inTail) * passed) / rushMs
        : jobs - inTail + (inTail * Math.min(tail.ms, passed - rushMs)) / tail.ms;
    const count = Math.floor(due) - submitted;
    submitted += count;
    await builds.submit(
      Array.from({ length: count }, () => planned.next().value).filter((job) => job !== undefined),
    );
  };
  const scale = async () => {
    await queue.show(builds.held);
    const present = fleet.costing().filter(({ state }) => state !== 'drains');
    const value = await askedBy(
      signal,
      {
        waiting: queue.size + builds.held.length,
        running: builds.running,
        known: signal === 'wanted' ? await registry.list() : [],
      },
      cell,
    );
    const count = scaler.count(value, present.length, clock.now());
    if (count > present.length) boot(count - present.length);
    // The replicas with the fewest builds end first, as their deletion costs say.
    const order = present.toSorted(
      (a, b) => Number(b.state === 'boots') - Number(a.state === 'boots') || a.taken - b.taken,
    );
    const leaving = order.slice(0, Math.max(0, present.length - count));
    await fleet.set(
      leaving.filter(({ state }) => state === 'boots'),
      'gone',
      clock.now(),
    );
    await fleet.set(
      leaving.filter(({ state }) => state === 'builds'),
      'drains',
      clock.now(),
    );
    await endDrained();
    await capacity.run();
  };
  cell.keepAlive(isDone);
  cell.every(submitEveryMs, submit, () => submitted >= jobs);
  let endedAt: number | undefined;
  const isBack = () => {
    if (isDone() && fleet.costing().length <= 1) endedAt ??= clock.now();
    return endedAt !== undefined;
  };
  cell.every(syncMs, scale, isBack);
  cell.every(
    60_000,
    async () => note(`${signal}: ${submitted} of ${jobs} jobs accepted, ${fleet.costing().length} replicas`),
    isDone,
  );
  await builds.run();
  const seconds = fleet.replicaSeconds(endedAt ?? clock.now());
  const waits = [...builds.waits.values()].flat().toSorted((a, b) => a - b);
  return {
    replica_seconds_ratio: seconds / (builds.leastWorkMs / 1_000 / slots),
    wait_p50_s: (waits[waits.length >> 1] ?? 0) / 1_000,
    wait_p95_s: (waits[Math.floor(waits.length * 0.95)] ?? 0) / 1_000,
    peak_replicas: fleet.peak,
    dead_replicas: lost,
  };
}
