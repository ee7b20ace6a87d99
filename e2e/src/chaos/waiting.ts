import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from '@slipway/shared/contracts';
import { readStats } from '@slipway/simulator';
import type { Arena } from './arena.js';

const pollMs = 50;

/** Polls until the result is defined. Rejects after `timeoutMs`. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (performance.now() > until) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await sleep(pollMs);
  }
}

/** Resolves to the job as soon as the given attempt runs at a replica. */
export async function runningJob({ ledger }: Arena, id: string, attempt = 1): Promise<Job> {
  return await waitFor(`attempt ${attempt} of ${id} to run`, 60_000, async () => {
    const job = await ledger.job(id);
    if (job?.finished_at !== undefined) throw new Error(`${id} has ended as ${job.state}`);
    const last = job?.attempts.at(-1);
    return job?.state === 'running' && (last?.number ?? 0) >= attempt && last?.replica ? job : undefined;
  });
}

/** Returns the number of times that the replicas have begun to build an image. */
export async function timesBegun({ fleet }: Arena, image: string): Promise<number> {
  const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
  return stats.reduce((sum, { images }) => sum + (images[image]?.begun ?? 0), 0);
}

/** The worker that holds a job, by its process id in the record. */
export function holderOf({ fleet }: Arena, { attempts }: Job) {
  const worker = attempts.at(-1)?.worker ?? '';
  const holder = fleet.workers.find(({ pid }) => worker.includes(`-${pid}-`));
  if (!holder) throw new Error(`no worker that runs is ${worker}`);
  return holder;
}

/** Returns the log of a job as the API has it now. */
export async function logOf({ fleet }: Arena, id: string) {
  const answer = await fetch(`${fleet.apis[0]?.url}/v1/jobs/${id}/logs`, {
    headers: { authorization: `Bearer ${fleet.token}`, accept: 'text/plain' },
  });
  return { status: answer.status, text: await answer.text() };
}
