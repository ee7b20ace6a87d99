import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const sampleMs = 50;

/** Peak memory of a process during the watch, in bytes. */
export interface RssWatch {
  most(): number;
  stop(): Promise<void>;
}

/** Samples the resident memory of a process until it is stopped, or the process has ended. */
export function watchRss(pid: number): RssWatch {
  const stop = new AbortController();
  let most = 0;
  const watching = (async () => {
    while (!stop.signal.aborted) {
      most = Math.max(most, await rssOf(pid));
      await sleep(sampleMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    most: () => most,
    async stop() {
      stop.abort();
      await watching;
    },
  };
}

/** `VmRSS` of proc(5), in bytes; 0 for a process that has ended. */
async function rssOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Returns the sorted paths below a folder, except those below the named folders. Does not follow links. */
export async function listing(folder: string, except: readonly string[] = []): Promise<string[]> {
  const found: string[] = [];
  const walk = async (below: string) => {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const path = join(below, entry.name);
      if (except.includes(path)) continue;
      found.push(entry.isDirectory() ? `${path}/` : path);
      if (entry.isDirectory()) await walk(path);
    }
  };
  await walk('');
  return found.sort();
}
