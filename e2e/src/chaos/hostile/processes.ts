import type { Member } from '@slipway/local';
import type { Fleet } from '@slipway/simulator';
import type { MemoryLimits } from '../../compose/limits.js';
import { type RssWatch, watchRss } from './watch.js';

interface WatchOptions {
  readonly fleet: Fleet;
  readonly api: MemoryLimits;
  readonly worker: MemoryLimits;
}

export interface ProcessWatch {
  /** Stops watching, and compares. */
  stop(): Promise<ProcessReport>;
}

interface ProcessReport {
  /** Processes that have ended since, including restarted ones. */
  readonly ended: readonly string[];
  /** Bytes of resident memory of the APIs and workers above their limit. */
  readonly rssOver: number;
  /** Peak resident memory of an API, and of a worker, in bytes. */
  readonly apiRss: number;
  readonly workerRss: number;
}

/** Watches which processes of a fleet end, and the memory of APIs and workers. */
export function watchProcesses({ fleet, api, worker }: WatchOptions): ProcessWatch {
  const members = [fleet.redis, ...fleet.replicas, ...fleet.apis, ...fleet.workers];
  const pids = new Map(members.map((member) => [member, member.pid]));
  const watch = (some: readonly Member[]) => some.map(({ pid }) => watchRss(pid));
  const apis = watch(fleet.apis);
  const workers = watch(fleet.workers);
  const most = (watches: readonly RssWatch[]) => Math.max(0, ...watches.map((each) => each.most()));
  return {
    async stop() {
      await Promise.all([...apis, ...workers].map((each) => each.stop()));
      const apiRss = most(apis);
      const workerRss = most(workers);
      return {
        ended: members
          .filter((member) => !member.running || member.pid !== pids.get(member))
          .map(({ name }) => name),
        rssOver: Math.max(0, apiRss - api.memoryBytes) + Math.max(0, workerRss - worker.memoryBytes),
        apiRss,
        workerRss,
      };
    },
  };
}
