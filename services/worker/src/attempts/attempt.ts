import { randomUUID } from 'node:crypto';
import type { BlobStore } from '@slipway/shared/blobs';
import type { Secret } from '@slipway/shared/config';
import type { BuilderConfig, JobError, JobResult } from '@slipway/shared/contracts';
import { errorRow, infrastructureFault, SlipwayError } from '@slipway/shared/errors';
import type { JobRecord, JobStore } from '@slipway/shared/jobs';
import type { Logger } from '@slipway/shared/logger';
import { LogWriter, saveLostLog } from '@slipway/shared/logs';
import type { Keys, Redis } from '@slipway/shared/redis';
import { createPayload, type SourceStore } from '@slipway/shared/source';
import type { Dispatcher } from 'undici';
import type { BuildEnd } from '../builder-client/answer.js';
import { callBuilder } from '../builder-client/call.js';
import type { Fleet } from '../fleet/fleet.js';
import type { WorkerMetrics } from '../metrics.js';
import { Interrupted, type Interruptions } from './interruptions.js';
import { decideRetry } from './retry.js';

/** What becomes of the job in the queue after an attempt. */
export type AttemptResult = { readonly kind: 'done' } | { readonly kind: 'again'; readonly delayMs: number };

interface AttemptDeps {
  readonly store: JobStore;
  readonly sources: SourceStore;
  readonly blobs: BlobStore;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly fleet: Fleet;
  readonly interruptions: Interruptions;
  readonly dispatcher: Dispatcher;
  readonly payloadSecret: Secret;
  readonly workerName: string;
  readonly buildTimeoutMs: number;
  readonly maxAttempts: number;
  readonly random: () => number;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
}

/** Everything known of an attempt at its end, for the one log line it gets. */
interface Summary {
  replica?: string;
  replaced: number;
  payload_bytes?: number;
  outcome?: string;
  detail?: string;
}

/** Builds jobs: one call of `run` is one attempt. Knows nothing of BullMQ. */
export class Attempts {
  readonly #deps: AttemptDeps;

  constructor(deps: AttemptDeps) {
    this.#deps = deps;
  }

  async run(jobId: string): Promise<AttemptResult> {
    const { store, interruptions, workerName, logger, metrics } = this.#deps;
    const token = randomUUID();
    const started = await store.start(jobId, { token, worker: workerName });
    if (started.outcome !== 'started') {
      logger.debug({ job_id: jobId, outcome: started.outcome }, 'nothing to build');
      return { kind: 'done' };
    }
    const { record, takenOver } = started;
    const begun = performance.now();
    const summary: Summary = { replaced: 0 };
    const hold = interruptions.hold(jobId, token);
    try {
      if (takenOver) await this.#saveLostLog(record);
      return await this.#attempt({ record, token, signal: hold.signal, summary });
    } finally {
      hold.release();
      metrics.attempt(summary.outcome ?? 'internal', (performance.now() - begun) / 1000);
      logger.info(
        {
          job_id: jobId,
          attempt: record.attempt,
          image: record.spec.image,
          function: record.spec.function,
          taken_over: takenOver,
          wait_ms: record.attempt === 1 ? (record.startedAt ?? 0) - record.createdAt : undefined,
          duration_ms: Math.round(performance.now() - begun),
          ...summary,
        },
        'attempt ended',
      );
    }
  }

  async #saveLostLog({ id, attempt }: JobRecord): Promise<void> {
    const { redis, keys, blobs, logger } = this.#deps;
    try {
      await saveLostLog({ redis, keys, blobs, jobId: id, attempt: attempt - 1 });
    } catch (error) {
      logger.warn({ err: error, job_id: id }, 'the log of a lost attempt could not be kept');
    }
  }

  async #attempt(context: {
    record: JobRecord;
    token: string;
    signal: AbortSignal;
    summary: Summary;
  }): Promise<AttemptResult> {
    const { record, token, summary } = context;
    const { redis, keys, blobs, store } = this.#deps;
    const log = new LogWriter({ redis, keys, blobs, jobId: record.id, attempt: record.attempt });
    let failure: SlipwayError | Interrupted;
    try {
      const end = await this.#build({ ...context, log });
      if (end.status === 'success') {
        summary.outcome = 'succeeded';
        await log.close();
        await this.#recorded(
          store.finish(record.id, token, { state: 'succeeded', result: resultOf(record, end) }),
          summary,
        );
        return { kind: 'done' };
      }
      failure = new SlipwayError(end.code, end.detail);
    } catch (error) {
      failure = error instanceof Interrupted ? error : asSlipwayError(error);
      if (failure instanceof SlipwayError && failure.code === 'internal') {
        this.#deps.logger.error({ err: error, job_id: record.id }, 'an attempt failed on our side');
      }
    }
    await log.close();
    return await this.#settle({ record, token, failure, log, summary });
  }

  /** Tries one replica after the other until one takes the build. */
  async #build(context: {
    record: JobRecord;
    token: string;
    signal: AbortSignal;
    summary: Summary;
    log: LogWriter;
  }): Promise<BuildEnd> {
    const { record, token, signal, summary, log } = context;
    const { sources, payloadSecret, fleet, store, dispatcher, metrics } = this.#deps;
    const timeoutMs =
      record.spec.timeout === undefined ? this.#deps.buildTimeoutMs : record.spec.timeout * 1_000;
    const deadline = AbortSignal.timeout(timeoutMs);
    const both = AbortSignal.any([signal, deadline]);
    const payload = await createPayload({
      sources,
      layers: [{ digest: record.spec.source.digest, at: 'context' }],
      config: builderConfig(record),
    });
    const signature = await payload.sign(payloadSecret);
    summary.payload_bytes = payload.length;
    const tried = new Set<string>();
    let refusal = new SlipwayError('builder_busy', 'No replica has room.');
    for (let slot = fleet.acquire(tried); slot; slot = fleet.acquire(tried)) {
      both.throwIfAborted();
      tried.add(slot.url);
      summary.replica = slot.url;
      try {
        if (!(await store.place(record.id, token, slot.url))) throw new Interrupted('stale');
        metrics.assembledBytes.inc(payload.length);
        return await callBuilder({
          url: slot.url,
          payload,
          signature,
          timeoutMs,
          signal: both,
          dispatcher,
          onLog: (lines) => log.append(lines),
        });
      } catch (error) {
        if (deadline.aborted && !signal.aborted) {
          throw new SlipwayError('timed_out', `The build took longer than ${timeoutMs / 1_000} s.`);
        }
        if (!(error instanceof SlipwayError) || errorRow(error.code).retry !== 'replace') throw error;
        metrics.replaced.inc({ code: error.code });
        summary.replaced++;
        refusal = error;
      } finally {
        slot.release();
      }
    }
    throw refusal;
  }

  async #settle(context: {
    record: JobRecord;
    token: string;
    failure: SlipwayError | Interrupted;
    log: LogWriter;
    summary: Summary;
  }): Promise<AttemptResult> {
    const { record, token, failure, log, summary } = context;
    const { store, maxAttempts, random } = this.#deps;
    const { id } = record;
    if (failure instanceof Interrupted) {
      summary.outcome = failure.reason;
      switch (failure.reason) {
        case 'canceled': {
          const error: JobError = {
            code: 'canceled',
            detail: 'The job was canceled while it ran.',
            log_tail: log.tail(),
          };
          await this.#recorded(store.finish(id, token, { state: 'canceled', error }), summary);
          return { kind: 'done' };
        }
        case 'shutdown':
          await this.#recorded(
            store.requeue(id, token, { code: 'draining', detail: failure.message, spent: false, delayMs: 0 }),
            summary,
          );
          return { kind: 'again', delayMs: 0 };
        case 'stale':
        case 'lock_lost':
          // Someone else holds the job now, or will: nothing of this attempt may be recorded.
          return { kind: 'done' };
        default:
          return failure.reason satisfies never;
      }
    }
    const { code, message: detail } = failure;
    Object.assign(summary, { outcome: code, detail });
    const decision = decideRetry({ code, spent: record.spent, maxAttempts, random });
    if (decision.kind === 'requeue') {
      await this.#recorded(store.requeue(id, token, { code, detail, ...decision }), summary);
      return { kind: 'again', delayMs: decision.delayMs };
    }
    const error: JobError = { code, detail, log_tail: log.tail() };
    await this.#recorded(store.finish(id, token, { state: 'failed', error }), summary);
    return { kind: 'done' };
  }

  /** A transition that was refused means that the job is somebody else's by now. */
  async #recorded(transition: Promise<boolean>, summary: Summary): Promise<void> {
    if (!(await transition)) Object.assign(summary, { outcome: 'stale', detail: 'The result was refused.' });
  }
}

function asSlipwayError(error: unknown): SlipwayError {
  if (error instanceof SlipwayError) return error;
  return infrastructureFault(error) ?? new SlipwayError('internal', undefined, { cause: error });
}

function builderConfig({ spec }: JobRecord): BuilderConfig {
  return {
    image: spec.image,
    ...(Object.keys(spec.build_args).length > 0 && { buildArgs: spec.build_args }),
    ...(spec.platforms.length > 0 && { platforms: spec.platforms }),
    ...(!spec.push && { skipPush: true }),
  };
}

function resultOf({ spec }: JobRecord, end: BuildEnd & { status: 'success' }): JobResult {
  return {
    image: end.image ?? spec.image,
    ...(end.digest !== undefined && { digest: end.digest }),
    duration_ms: end.durationMs,
  };
}
