import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { answer } from './forked.js';

export type BareRequests = {
  /** Runs jobs that do nothing and are all added before. Answers with the jobs a second. */
  noOps: { question: { redisUrl: string; jobs: number }; answer: { perSecond: number } };
  /** Adds `jobs` jobs in one call. Answers with the milliseconds it takes. */
  addBulk: { question: { redisUrl: string; jobs: number }; answer: { ms: number } };
  /** Runs jobs that sleep, on two workers with a global concurrency. Answers with the time from the first add to the last end. */
  sleeps: {
    question: { redisUrl: string; durationsMs: number[]; concurrency: number };
    answer: { makespanMs: number; sleptMs: number; longestMs: number };
  };
  /** Runs single jobs, one after another. Answers with the milliseconds from add to completed, as a waiter sees it. */
  roundTrips: { question: { redisUrl: string; rounds: number }; answer: { timesMs: number[] } };
};

const removed = { removeOnComplete: true, removeOnFail: true };

/** Bare BullMQ on the same Redis, the peer of Slipway in the benches. */
answer<BareRequests>({
  async noOps({ redisUrl, jobs }) {
    const connection = { url: redisUrl };
    const queue = new Queue('no-ops', { connection, defaultJobOptions: removed });
    for (let at = 0; at < jobs; at += 1_000) {
      const count = Math.min(1_000, jobs - at);
      await queue.addBulk(Array.from({ length: count }, () => ({ name: 'no-op', data: { jobId: 'x' } })));
    }
    let done = 0;
    const worker = new Worker('no-ops', async () => undefined, {
      connection,
      concurrency: 50,
      autorun: false,
    });
    const finished = new Promise<void>((resolve) => {
      worker.on('completed', () => {
        done++;
        if (done === jobs) resolve();
      });
    });
    await worker.waitUntilReady();
    const started = performance.now();
    void worker.run();
    await finished;
    const seconds = (performance.now() - started) / 1000;
    await worker.close();
    await queue.close();
    return { perSecond: jobs / seconds };
  },

  async addBulk({ redisUrl, jobs }) {
    const queue = new Queue('bulk', { connection: { url: redisUrl }, defaultJobOptions: removed });
    await queue.waitUntilReady();
    const added = Array.from({ length: jobs }, (_, at) => ({ name: 'bulk', data: { jobId: `job_${at}` } }));
    const started = performance.now();
    await queue.addBulk(added);
    const ms = performance.now() - started;
    await queue.obliterate();
    await queue.close();
    return { ms };
  },

  async sleeps({ redisUrl, durationsMs, concurrency }) {
    const connection = { url: redisUrl };
    const queue = new Queue('sleeps', { connection, defaultJobOptions: removed });
    await queue.setGlobalConcurrency(concurrency);
    let done = 0;
    let sleptMs = 0;
    let longestMs = 0;
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const workers = [1, 2].map(() => {
      const handle = async ({ data }: { data: number }) => {
        const started = performance.now();
        await sleep(data);
        const ms = performance.now() - started;
        sleptMs += ms;
        longestMs = Math.max(longestMs, ms);
        done++;
        if (done === durationsMs.length) finish();
      };
      return new Worker('sleeps', handle, { connection, concurrency });
    });
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
    const started = performance.now();
    await queue.addBulk(durationsMs.map((data) => ({ name: 'sleep', data })));
    await finished;
    const makespanMs = performance.now() - started;
    await Promise.all(workers.map((worker) => worker.close()));
    await queue.close();
    return { makespanMs, sleptMs, longestMs };
  },

  async roundTrips({ redisUrl, rounds }) {
    const connection = { url: redisUrl };
    const queue = new Queue('round-trips', { connection });
    const events = new QueueEvents('round-trips', { connection });
    const worker = new Worker('round-trips', async () => undefined, { connection });
    await Promise.all([worker.waitUntilReady(), events.waitUntilReady()]);
    const timesMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const started = performance.now();
      const job = await queue.add('no-op', {});
      await job.waitUntilFinished(events);
      timesMs.push(performance.now() - started);
    }
    await worker.close();
    await events.close();
    await queue.close();
    return { timesMs };
  },
});
