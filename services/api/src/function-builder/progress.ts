import { setTimeout as sleep } from 'node:timers/promises';
import type { JobRecord } from '@slipway/control-plane/jobs';
import type { LogPosition } from '@slipway/control-plane/logs';
import type { BuilderResult } from '@slipway/shared/contracts';
import { isTerminal } from '@slipway/shared/contracts';
import { codeOf, isStorageCode } from '@slipway/shared/errors';
import type { Answer } from '@slipway/shared/function-builder';
import { type FollowDeps, follow } from '../logs/follow.js';

export interface ProgressDeps extends FollowDeps {
  /** Returns the number of jobs ahead of this one; undefined when the job does not wait. */
  readonly ahead: (id: string) => Promise<number | undefined>;
}

interface ProgressOptions extends ProgressDeps {
  readonly jobId: string;
  readonly answer: Answer;
  readonly signal: AbortSignal;
}

/** Milliseconds between two reports of the queue position to a waiting client. */
const positionEveryMs = 2_000;

/** Milliseconds for which an open answer tolerates an unavailable Redis. A client cannot reconnect to a build. */
const patienceMs = 120_000;
const retryMs = 500;

/**
 * Writes the log of a job to an answer while it runs, and its queue position while it waits. Returns the record of the ended job;
 * undefined when `signal` aborted first. Rejects when no read succeeds for longer than `patienceMs`.
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
        const ended = isStorageCode(codeOf(error)) && (await endedJob(options));
        if (ended) {
          answer.log('[the rest of the log cannot be read: the blob store is away]');
          return ended;
        }
        if (performance.now() - readAt > patienceMs) throw error;
        await sleep(retryMs);
      }
    }
  } finally {
    positions.stop();
  }
}

async function endedJob({ store, jobId }: ProgressOptions): Promise<JobRecord | undefined> {
  const record = await store.get(jobId).catch(() => undefined);
  return record && isTerminal(record.state) ? record : undefined;
}

function sayPosition({ ahead, jobId, answer }: ProgressOptions): { stop(): void } {
  let last: number | undefined;
  const say = async () => {
    const place = await ahead(jobId);
    if (place === undefined || place === last) return;
    last = place;
    answer.log(place === 0 ? 'waiting in the queue: next' : `waiting in the queue: ${place} jobs ahead`);
  };
  // The position is optional: a failure to read it does not end the answer.
  const tell = () => void say().catch(() => undefined);
  const timer = setInterval(tell, positionEveryMs);
  return { stop: () => clearInterval(timer) };
}

/** Returns the result of a job in the format of the Function Builder API. It names a failure `failed` (protocol.md). */
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
