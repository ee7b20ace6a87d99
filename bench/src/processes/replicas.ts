import { type Simulator, startSimulator } from '@slipway/simulator';
import { answer } from './forked.js';

export type ReplicasRequests = {
  /** Starts simulated replicas, all in this process. Answers with their URLs. */
  start: {
    question: { replicas: number; slots: number; payloadSecret: string; buildMs: number };
    answer: { urls: string[] };
  };
  /** Adds up the counts of all replicas. */
  counts: { question: null; answer: BuildCounts };
};

export interface BuildCounts {
  readonly begun: number;
  /** Builds begun for an image beyond the first. */
  readonly again: number;
  /** Builds above the limits of the replicas. */
  readonly over: number;
}

const simulators: Simulator[] = [];

answer<ReplicasRequests>({
  async start({ replicas, slots, payloadSecret, buildMs }) {
    const durations = { meanMs: buildMs, sigma: 0 };
    for (let at = 0; at < replicas; at++) {
      simulators.push(await startSimulator({ payloadSecret, maxInflight: slots, durations }));
    }
    return { urls: simulators.map(({ url }) => url) };
  },

  async counts() {
    const builds = new Map<string, number>();
    let over = 0;
    for (const simulator of simulators) {
      const { images, limit, max_concurrency: most } = await simulator.stats();
      over += Math.max(0, most - limit);
      for (const [image, { begun }] of Object.entries(images)) {
        builds.set(image, (builds.get(image) ?? 0) + begun);
      }
    }
    const begun = [...builds.values()].reduce((sum, each) => sum + each, 0);
    return { begun, again: begun - builds.size, over };
  },
});
