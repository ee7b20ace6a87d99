import { setTimeout as sleep } from 'node:timers/promises';
import type { JobRecord } from '@slipway/control-plane/jobs';
import type { LogPosition } from '@slipway/control-plane/logs';
import type { BuilderResult } from '@slipway/shared/contracts';
import { isTerminal } from '@slipway/shared/contracts';
import type { Answer } from '@slipway/shared/function-builder';
import { type FollowDeps, follow } from '../logs/follow.js';

export interface ProgressDeps extends FollowDeps {
  /** How many jobs wait before this one; undefined when it does not wait. */
  readonly ahead: (id: string) => Promise<number | undefined>;
}

interface ProgressOptions extends ProgressDeps {
  readonly jobId: string;
  readonly answer: Answer;
  readonly signal: AbortSignal;
}

/** How often a waiting client hears where it stands, in milliseconds. */
const positionEveryMs = 2_000;

/** A client cannot come back to a build: for so long, Redis may be away without it being told. In milliseconds. */
const patienceMs = 120_000;
const retryMs = 500;

/**
 * Hands the log of a job to an answer as it comes, its place in the queue while it waits, and returns the record of the job that
 * has ended; undefined when `signal` came first. Rejects when nothing could be read for longer than `patienceMs`.
 */
export async function watchJob(options: ProgressOptions): Promise<JobRecord | undefined> {
  const { store, jobId, answer, signal } = options;
  const positions = sayPosition(options);
  let after: LogPosition | undefined;
  let readAt = performance.now();
  const watch = async () => {
    for await (const part of follow({ ...options, after, live: true })) {
      readAt = performance.now();
      if (part.kind === 'lines') {
        for (const { text } of part.lines) answer.log(text);
        after = part.lines.at(-1) ?? after;
      }
      if (part.kind === 'end') {
        const record = await store.get(jobId);
        if (record && isTerminal(record.state)) return record;
      }
    }
    return undefined;
  };
  try {
    for (;;) {
      try {
        return await watch();
      } catch (error) {
        if (signal.aborted) return undefined;
        if (performance.now() - readAt > patienceMs) throw error;
        await sleep(retryMs);
      }
    }
  } finally {
    positions.stop();
  }
}

function sayPosition({ ahead, jobId, answer }: ProgressOptions): { stop(): void } {
  let last: number | undefined;
  const say = async () => {
    const place = await ahead(jobId);
    if (place === undefined || place === last) return;
    last = place;
    answer.log(place === 0 ? 'waiting in the queue: next' : `waiting in the queue: ${place} jobs ahead`);
  };
  // Where it stands is a courtesy; that it cannot be told now is no reason to give up.
  const tell = () => void say().catch(() => undefined);
  const timer = setInterval(tell, positionEveryMs);
  return { stop: () => clearInterval(timer) };
}

/** The last word on a job, in the words of the Function Builder API. A failure is spelled `failed` (protocol.md). */
export function resultOf({ id, spec, result, error, startedAt, finishedAt }: JobRecord): BuilderResult {
  const seconds = startedAt === undefined || finishedAt === undefined ? 0 : (finishedAt - startedAt) / 1_000;
  if (result) {
    const { image, digest, duration_ms } = result;
    return { status: 'success', image, ...(digest && { digest }), duration: duration_ms / 1_000 };
  }
  return {
    status: 'failed',
    image: spec.image,
    error: error ? error.detail || error.code : `the job ${id} ended without a reason`,
    ...(error && { code: error.code }),
    duration: seconds,
  };
}
