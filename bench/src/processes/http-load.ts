import { Agent, request } from 'undici';
import { answer } from './forked.js';

export type LoadRequests = {
  /** Sends requests for random paths for some time, one at a time on each connection. */
  load: {
    question: {
      origin: string;
      paths: string[];
      headers: Record<string, string>;
      connections: number;
      seconds: number;
    };
    answer: { perSecond: number; timesMs: number[]; failed: number };
  };
};

answer<LoadRequests>({
  async load({ origin, paths, headers, connections, seconds }) {
    const dispatcher = new Agent({ connections, pipelining: 1 });
    const timesMs: number[] = [];
    let failed = 0;
    const started = performance.now();
    const until = started + seconds * 1000;
    const client = async () => {
      for (let now = performance.now(); now < until; now = performance.now()) {
        const path = paths[Math.floor(Math.random() * paths.length)] ?? '';
        const { statusCode, body } = await request(origin + path, { headers, dispatcher });
        await body.dump();
        if (statusCode !== 200) failed++;
        timesMs.push(performance.now() - now);
      }
    };
    await Promise.all(Array.from({ length: connections }, client));
    const took = (performance.now() - started) / 1000;
    await dispatcher.close();
    return { perSecond: timesMs.length / took, timesMs, failed };
  },
});
