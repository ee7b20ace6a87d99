import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from '@slipway/shared/contracts';
import type { Fleet } from '@slipway/simulator';
import { createTenant } from './tenants.js';

const beatMs = 250;
const patienceMs = 120_000;
/** Milliseconds around a beat that count for the control too, so that both include a pause of the whole machine. */
const marginMs = 1_000;

interface NeighborOptions {
  readonly attacked: Fleet;
  /** A fleet on the same machine without attacks. Its job times show the speed of the machine. */
  readonly control: Fleet;
  readonly note: (text: string) => void;
}

/** A small job, timed from its submission to the answer that shows its success. */
interface Beat {
  readonly begunMs: number;
  readonly endedMs: number;
  /** Milliseconds in which the API and the worker waited for a processor, and in which this process was busy. */
  readonly starvedMs: number;
  /** The reason for a failure. */
  readonly problem?: string;
}

export interface Neighbor {
  /** Stops submitting, waits for the last job, and compares. */
  stop(): Promise<NeighborReport>;
}

interface NeighborReport {
  readonly jobs: number;
  /** Jobs that were refused, failed, or had no answer. */
  readonly failed: number;
  /** The largest delay of a job beyond the control, in seconds. */
  readonly delayedS: number;
  /** The start of the job with that delay, by `performance.now()`. */
  readonly worstBegunMs: number;
}

/**
 * Submits a small job of a separate tenant to both fleets at the same moments, each over new connections. The delay of a job is
 * the time that it took beyond the slowest job of the control at that time, without the time in which API and worker waited for a processor and
 * this process was busy: a slow machine does not count.
 */
export async function startNeighbor({ attacked, control, note }: NeighborOptions): Promise<Neighbor> {
  const stopped = new AbortController();
  const own = watchStalls(stopped.signal);
  const [here, there] = await Promise.all(
    [attacked, control].map((fleet) =>
      startBeats({ fleet, starvedMs: () => starvedMs(fleet) + own.stalledMs() }),
    ),
  );
  if (!here || !there) throw new Error('a fleet is missing');
  const submitting = (async () => {
    while (!stopped.signal.aborted) {
      here.beat();
      there.beat();
      await sleep(beatMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await submitting;
      const [beats, controls] = await Promise.all([here.ended(), there.ended()]);
      const wrong = controls.find(({ problem }) => problem !== undefined);
      if (wrong) throw new Error(`the control fails: ${wrong.problem}`);
      const failed = beats.filter(({ problem }) => problem !== undefined);
      for (const { problem } of failed.slice(0, 10)) note(`the neighbor's job failed: ${problem}`);
      const delays = beats.map((beat) => ({ beat, delayMs: delayOf(beat, controls) }));
      const worst = delays.reduce((most, each) => (each.delayMs > most.delayMs ? each : most));
      return {
        jobs: beats.length,
        failed: failed.length,
        delayedS: Math.round(worst.delayMs) / 1_000,
        worstBegunMs: worst.beat.begunMs,
      };
    },
  };
}

function delayOf({ begunMs, endedMs, starvedMs }: Beat, controls: readonly Beat[]): number {
  const normal = controls
    .filter((each) => each.begunMs <= endedMs + marginMs && each.endedMs >= begunMs - marginMs)
    .map((each) => each.endedMs - each.begunMs);
  return Math.max(0, endedMs - begunMs - starvedMs - Math.max(...normal));
}

interface BeatOptions {
  readonly fleet: Fleet;
  readonly starvedMs: () => number;
}

async function startBeats({ fleet, starvedMs }: BeatOptions) {
  const token = await createTenant({ fleet, name: 'neighbor' });
  // Each request has its own connection, so that a service that accepts no new connections counts as down.
  const agent = new Agent({ keepAlive: false });
  const running: Promise<Beat>[] = [];
  const call = async (path: string, json?: object) => {
    const sending = request(`${fleet.apis[0]?.url}${path}`, {
      agent,
      method: json ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(patienceMs),
    });
    sending.end(json && JSON.stringify(json));
    const [answer] = (await once(sending, 'response')) as [IncomingMessage];
    const body = await text(answer);
    if (answer.statusCode !== 200 && answer.statusCode !== 202) {
      throw new Error(`${path} was answered with ${answer.statusCode} ${body.slice(0, 200)}`);
    }
    return JSON.parse(body) as Job;
  };
  const files = { Dockerfile: 'FROM scratch\nCOPY . /\n' };
  const build = async (number: number) => {
    const spec = { image: `registry.test/neighbor/job-${number}:1`, source: { files } };
    const until = performance.now() + patienceMs;
    let job = await call('/v1/jobs', spec);
    while (job.finished_at === undefined && performance.now() < until) {
      job = await call(`/v1/jobs/${job.id}?wait=30`);
    }
    if (job.state !== 'succeeded') throw new Error(`${job.id} is ${job.state} ${job.error?.code ?? ''}`);
  };
  const beat = async (number: number): Promise<Beat> => {
    const begunMs = performance.now();
    const starvedBefore = starvedMs();
    const end = (problem?: string) => ({
      begunMs,
      endedMs: performance.now(),
      starvedMs: Math.max(0, starvedMs() - starvedBefore),
      ...(problem !== undefined && { problem }),
    });
    return await build(number).then(
      () => end(),
      (error: Error) => end(error.message),
    );
  };
  // The first takes longer: connections, code and caches are cold.
  await build(0);
  return {
    beat: () => void running.push(beat(running.length + 1)),
    async ended() {
      const beats = await Promise.all(running);
      agent.destroy();
      return beats;
    },
  };
}

/** Returns the milliseconds in which the main threads of APIs and workers waited for a processor, from `schedstat` in proc(5), which counts nanoseconds. */
function starvedMs({ apis, workers }: Fleet): number {
  return [...apis, ...workers].reduce((sum, { pid }) => sum + waitedNs(pid) / 1_000_000, 0);
}

function waitedNs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]);
  } catch {
    // The process has ended, which another check counts as a fault.
    return 0;
  }
}

const tickMs = 20;
/** Timers are late by some milliseconds on any busy machine. */
const stallFromMs = 100;

/** Adds up the milliseconds by which this process's timers were late. */
function watchStalls(signal: AbortSignal): { stalledMs(): number } {
  let total = 0;
  let last = performance.now();
  const late = () => {
    const lateMs = performance.now() - last - tickMs;
    return lateMs < stallFromMs ? 0 : lateMs;
  };
  const timer = setInterval(() => {
    total += late();
    last = performance.now();
  }, tickMs);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  return { stalledMs: () => (signal.aborted ? total : total + late()) };
}
