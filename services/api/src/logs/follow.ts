import type { JobStore } from '@slipway/control-plane/jobs';
import { type LogLine, type LogPosition, readLog } from '@slipway/control-plane/logs';
import type { BlobStore } from '@slipway/shared/blobs';
import { isTerminal, type JobState } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import type { JobWatcher, Watch } from '../watch/job-watcher.js';

export interface FollowDeps {
  readonly store: Pick<JobStore, 'get'>;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly blobs: BlobStore;
  readonly watcher: JobWatcher;
  /** Aborted when the process drains: open streams end, and clients resume at their position. */
  readonly stopping: AbortSignal;
}

export type LogPart =
  | { readonly kind: 'lines'; readonly lines: readonly LogLine[] }
  /** No event for a while. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'end'; readonly state: JobState };

interface FollowOptions extends FollowDeps {
  readonly jobId: string;
  readonly after: LogPosition | undefined;
  /** True to continue until the job has ended; false to end with the current log. */
  readonly live: boolean;
  readonly signal: AbortSignal;
}

const pollMs = 200;
const idleAfterMs = 15_000;

/** Yields the log of a job in order, without gaps or repeats: from blobs, then from the live stream, then new lines. */
export async function* follow(options: FollowOptions): AsyncGenerator<LogPart> {
  const watch = options.watcher.watch(options.jobId);
  try {
    yield* followWith(watch, options);
  } finally {
    watch.close();
  }
}

async function* followWith(watch: Watch, options: FollowOptions): AsyncGenerator<LogPart> {
  const { store, jobId, live, signal } = options;
  let after = options.after;
  let spokenAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    // Read before the lines, so that they include all lines of a finished attempt.
    const record = await store.get(jobId);
    if (!record) return;
    let found = false;
    const { attempt: attempts, logParts } = record;
    const running = record.state === 'running';
    for await (const lines of readLog({ ...options, attempts, logParts, running, after })) {
      yield { kind: 'lines', lines };
      after = lines.at(-1);
      found = true;
      if (signal.aborted) return;
    }
    if (!live || isTerminal(record.state)) {
      yield { kind: 'end', state: record.state };
      return;
    }
    if (found) spokenAt = performance.now();
    // The first part comes at once: until then, a fault of a store can still be an answer.
    else if (performance.now() - spokenAt > idleAfterMs) {
      yield { kind: 'idle' };
      spokenAt = performance.now();
    }
    await watch.change(record.state === 'running' ? pollMs : idleAfterMs, signal);
  }
}
