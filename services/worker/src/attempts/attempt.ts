import { randomUUID } from 'node:crypto';
import type { AdmitReply, JobRecord, StartOptions, StartReply } from '@slipway/control-plane/jobs';
import { LogWriter } from '@slipway/control-plane/logs';
import type { Lease } from '@slipway/control-plane/replicas';
import type { JobResult } from '@slipway/shared/contracts';
import { BaseImageCache } from '@slipway/shared/dockerfile';
import { codeOf, SlipwayError } from '@slipway/shared/errors';
import { baseImagesOf, usedBases } from '../base-images/base-images.js';
import type { BuildEnd } from '../builder-client/answer.js';
import { joinParts } from '../join/join.js';
import { AttemptLogs } from './attempt-logs.js';
import { AttemptTrace, traceLostAttempt } from './attempt-trace.js';
import { build, leaseId, needsFeature, needsIsolation, newToken, repositoryOf } from './build.js';
import type { AttemptDeps, Summary } from './deps.js';
import { type Hold, Interrupted } from './interruptions.js';
import { Keepers } from './keepers.js';
import { Phases } from './phases.js';
import { asSlipwayError, type Prepared, prepare } from './prepare.js';
import { type AttemptResult, recorded, recordFailure } from './record-failure.js';
import { isStoreFault } from './retry.js';
import { StepCounter } from './steps.js';
import { continueBuild, type TakenOver, takeOver } from './take-over.js';

/** Milliseconds after which a ready job without a slot may have to return to the queue. */
const stayMs = 4_000;
/** Milliseconds until a job that may not start yet is tried again. */
const comeBackMs = 300;
/** Milliseconds until a job whose source cannot be read is tried again. */
const storeRetryMs = 5_000;
const storeWarnMs = 10_000;
/** Limit of suspects at once. With one, the death of the worker shows which job caused it. */
const maxSuspects = 1;

type ReadyJob = AdmitReply & { readonly outcome: 'ready' };

interface Begun {
  readonly record: JobRecord;
  readonly token: string;
  /** Undefined for a job that joins its parts, which needs no builder. */
  readonly prepared: Prepared | undefined;
  readonly lease: Lease | undefined;
  readonly trace: AttemptTrace;
  /** Undefined for an attempt that this worker began. */
  readonly takenOver?: TakenOver | undefined;
}

/**
 * Builds jobs. One call of `run` is one attempt. It does not depend on BullMQ.
 *
 * The worker assembles and signs the payload before it takes a slot, and takes the slot before the attempt begins. So no slot waits for
 * a payload, and a job without a slot stays queued.
 */
export class Attempts {
  readonly #deps: AttemptDeps;
  readonly #logs: AttemptLogs;
  readonly #baseImages = new BaseImageCache();
  readonly #keepers: Keepers;
  #suspects = 0;
  #storeWarnedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: AttemptDeps) {
    this.#deps = deps;
    this.#logs = new AttemptLogs(deps);
    this.#keepers = new Keepers(deps);
  }

  async run(jobId: string): Promise<AttemptResult> {
    const admitted = await this.#deps.store.admit(jobId);
    if (admitted.outcome === 'held') return { kind: 'again', delayMs: admitted.forMs };
    if (admitted.outcome === 'wait') return this.#comeBack();
    if (admitted.outcome !== 'ready') return { kind: 'done' };
    const { record } = admitted;
    if (record.build !== undefined) {
      const buildId = record.build;
      const result = await this.#asSuspect(record.lost > 0, (takesSuspects) =>
        this.#takeOver({ record, buildId, takesSuspects }),
      );
      if (result) return result;
    }
    return await this.#asSuspect(isSuspect(record), (takesSuspects) =>
      this.#withAdmitted(admitted, takesSuspects),
    );
  }

  /** Runs `work`, which receives whether a job may run that is a suspect. A suspect comes back later when this worker has another one. */
  async #asSuspect<T>(
    isSuspectJob: boolean,
    work: (takesSuspects: boolean) => Promise<T>,
  ): Promise<T | AttemptResult> {
    if (!isSuspectJob) return await work(this.#suspects < maxSuspects);
    if (this.#suspects >= maxSuspects) return this.#comeBack();
    this.#suspects++;
    try {
      return await work(true);
    } finally {
      this.#suspects--;
    }
  }

  /** Continues a build that goes on at its replica. Returns undefined when the job must be built again. */
  async #takeOver(options: Parameters<typeof takeOver>[0]): Promise<AttemptResult | undefined> {
    const { tracing } = this.#deps;
    const phases = new Phases(tracing);
    const takenOver = await takeOver(options, this.#deps);
    switch (takenOver.outcome) {
      case 'taken over': {
        const { record, token, lease, from } = takenOver;
        const trace = new AttemptTrace({ tracing, record, phases, continues: from });
        return await trace.during(() =>
          this.#attempt({ record, token, prepared: undefined, lease, trace, takenOver }),
        );
      }
      case 'wait':
        return this.#comeBack();
      case 'gone':
        return { kind: 'done' };
      case 'lost':
        return undefined;
      default:
        return takenOver satisfies never;
    }
  }

  #comeBack(): AttemptResult {
    return { kind: 'again', delayMs: comeBackMs * (0.5 + this.#deps.random()) };
  }

  /** The job waits in the queue, without an attempt, until the blob store answers. */
  #waitForStore({ id }: JobRecord, { code, message: detail }: SlipwayError): AttemptResult {
    const { logger, metrics, random } = this.#deps;
    metrics.storageFaults.inc({ code });
    const now = performance.now();
    if (now - this.#storeWarnedAt > storeWarnMs) {
      this.#storeWarnedAt = now;
      logger.warn({ job_id: id, code, detail }, 'jobs wait for the blob store');
    }
    return { kind: 'again', delayMs: storeRetryMs * (0.5 + random()) };
  }

  async #withAdmitted({ record: admitted, home }: ReadyJob, takesSuspects: boolean): Promise<AttemptResult> {
    const { store, placement, workerName, stopping, tracing } = this.#deps;
    // A source is not read for a pool that has no replica. Joining parts needs none.
    if (!admitted.parts && !(await placement.hasReplica(admitted.pool, 0, stopping))) return this.#comeBack();
    const phases = new Phases(tracing);
    let prepared: Prepared | undefined;
    try {
      prepared = admitted.parts ? undefined : await prepare(admitted, phases, this.#deps);
    } catch (error) {
      // The job waits until an operator corrects the key.
      if (codeOf(error) === 'isolation_key_unreadable') return this.#comeBack();
      throw error;
    }
    // A job of a lost worker begins its attempt, which returns it to the queue.
    if (prepared?.ready === false && isStoreFault(prepared.failure.code) && !isTakeover(admitted))
      return this.#waitForStore(admitted, prepared.failure);
    const buildId = randomUUID();
    const token = newToken(buildId);
    const wanted = {
      id: leaseId(admitted.id, buildId),
      tenant: admitted.tenant,
      priorityClass: admitted.spec.priority,
      pool: admitted.pool,
      repository: repositoryOf(admitted),
      suspect: isSuspect(admitted),
      priority: admitted.priority,
      needsIsolation: needsIsolation(admitted),
      needsFeature: needsFeature(admitted),
      home,
      except: new Set<string>(),
    };
    const start = (replica: string, { build, lease }: Pick<StartOptions, 'build' | 'lease'>) =>
      store.start(admitted.id, {
        ...{ token, worker: workerName, replica, build, takesSuspects, lease },
        first: placement.firstOf(admitted.pool),
      });
    const begin = async (replica: string) => {
      const started = await start(replica, { build: buildId, lease: wanted.id });
      return started.outcome === 'no_slot' ? undefined : started;
    };
    const { id, pool, priority } = admitted;
    const stays = {
      everyMs: stayMs,
      may: (yields: boolean) => store.staysReady({ id, pool, priority, yields }),
    };
    let lease: Lease | undefined;
    let started: StartReply | undefined;
    if (prepared?.ready) {
      try {
        const placed = await phases.time(
          'wait for slot',
          placement.acquireAndBegin(wanted, { signal: stopping, begin, stays }),
        );
        if (!placed) return this.#comeBack();
        lease = placed.lease;
        started = placed.begun;
      } catch (failure) {
        if (!(failure instanceof SlipwayError)) throw failure;
        prepared = { ready: false, failure };
      }
    }
    let begun: Begun | undefined;
    try {
      started ??= await start(lease?.url ?? '', { build: lease && buildId });
      if (started.outcome === 'held') return { kind: 'again', delayMs: started.forMs };
      if (isTakeover(admitted)) await this.#traceLost(admitted);
      await this.#logs.saveEarlier(admitted, started);
      if (started.outcome === 'wait') return this.#comeBack();
      if (started.outcome !== 'started') return { kind: 'done' };
      const { record } = started;
      begun = { record, token, prepared, lease, trace: new AttemptTrace({ tracing, record, phases }) };
      this.#count(started.record, home, lease);
    } finally {
      if (lease && !begun) placement.free(lease, 'none');
    }
    const { trace } = begun;
    return await trace.during(() => this.#attempt(begun));
  }

  #count({ pool, attempts }: JobRecord, home: string | undefined, lease: Lease | undefined): void {
    const { counts, metrics } = this.#deps;
    const waitMs = attempts.at(-1)?.wait_ms ?? 0;
    counts.started(pool, waitMs);
    metrics.waited(pool, waitMs / 1_000);
    if (lease && home !== undefined) counts.placed(lease.url, home);
  }

  /** Writes the spans of a lost attempt. Its worker may have ended the attempt meanwhile. */
  async #traceLost({ id, attempt, trace }: JobRecord): Promise<void> {
    const { store, tracing, logger } = this.#deps;
    if (trace === undefined) return;
    try {
      const record = await store.get(id);
      if (record) traceLostAttempt({ record, number: attempt }, tracing);
    } catch (error) {
      logger.warn({ err: error, job_id: id }, 'a lost attempt is missing in the trace');
    }
  }

  /** Counts a success. Joining the images of parts is no build. */
  #countSuccess({ pool, spec }: JobRecord, buildMs: number | undefined): void {
    const { counts, metrics } = this.#deps;
    metrics.attemptEndedJob(spec.function, { state: 'succeeded' });
    if (buildMs === undefined) return;
    counts.built(pool, buildMs);
    metrics.built(pool, buildMs / 1_000);
  }

  async #attempt(begun: Begun): Promise<AttemptResult> {
    const { interruptions, logger, metrics } = this.#deps;
    const { record, token, prepared } = begun;
    const since = performance.now();
    const summary: Summary = {
      replaced: 0,
      ...(prepared?.ready && { payload_bytes: prepared.payload.length }),
    };
    const hold = interruptions.hold(record.id, token);
    try {
      const result = await this.#buildAndRecord(begun, hold, summary);
      begun.trace.end(summary);
      return result;
    } finally {
      hold.forget();
      metrics.attempt(summary.outcome ?? 'internal', (performance.now() - since) / 1_000);
      logger.info(
        {
          job_id: record.id,
          attempt: record.attempt,
          tenant: record.tenant,
          image: record.spec.image,
          function: record.spec.function,
          wait_ms: record.attempts.at(-1)?.wait_ms,
          duration_ms: Math.round(performance.now() - since),
          ...summary,
        },
        'attempt ended',
      );
    }
  }

  async #join(record: JobRecord, signal: AbortSignal, log: LogWriter): Promise<BuildEnd> {
    const onLog = (lines: readonly string[]) => log.append(lines);
    const { result, bases } = await joinParts({ record, signal, onLog }, this.#deps);
    const { digest, duration_ms: durationMs } = result;
    return { status: 'success', digest, durationMs, bases: { from: 'result', list: bases } };
  }

  /** Returns why the attempt ends, if its build failed because another worker has stopped it for a canceled job. */
  async #interruption(jobId: string, token: string, { isKept }: Hold): Promise<Interrupted | undefined> {
    if (!isKept) return undefined;
    const { canceled } = await this.#deps.store.interrupted(new Map([[jobId, token]]));
    return canceled.length > 0 ? new Interrupted('canceled') : undefined;
  }

  async #buildAndRecord(begun: Begun, hold: Hold, summary: Summary): Promise<AttemptResult> {
    const { record, token, prepared, lease, trace, takenOver } = begun;
    const { redis, keys, blobs, store, sources, tracing, logger } = this.#deps;
    const log = new LogWriter({
      ...{ redis, keys, blobs, jobId: record.id, attempt: record.attempt, stored: takenOver?.stored },
      isCurrent: async () => !hold.isKept || (await store.isHeld(record.id, token)),
    });
    const steps = takenOver?.steps ?? new StepCounter();
    const context = { record, hold, log, steps, summary, trace };
    let failure: SlipwayError | Interrupted;
    try {
      if (prepared && !prepared.ready) throw prepared.failure;
      // The lookup runs during the build, so that the end of the job does not wait for it.
      const looking = baseImagesOf(record, { sources, logger, cache: this.#baseImages });
      const end = takenOver
        ? await continueBuild({ ...context, ...takenOver, trace, steps }, this.#deps)
        : prepared
          ? await build(
              { ...context, token, prepared, lease: held(lease), keepers: this.#keepers },
              this.#deps,
            )
          : await tracing.span({ name: 'join parts' }, () => this.#join(record, hold.signal, log));
      if (end.status === 'success') {
        const smallLog = await this.#logs.keep(log, record);
        summary.outcome = 'succeeded';
        const result = resultOf(record, end);
        const used = usedBases(await looking, end.bases);
        await tracing.span({ name: 'settle' }, () =>
          recorded(
            store.finish(record.id, token, {
              state: 'succeeded',
              result,
              ...used,
              sawBases: lease !== undefined,
              steps: steps.counts(),
              log: smallLog,
            }),
            summary,
          ),
        );
        if (summary.outcome === 'succeeded') this.#countSuccess(record, lease ? end.durationMs : undefined);
        return { kind: 'done' };
      }
      failure = (await this.#interruption(record.id, token, hold)) ?? new SlipwayError(end.code, end.detail);
    } catch (error) {
      failure = error instanceof Interrupted ? error : asSlipwayError(error);
      if (failure instanceof SlipwayError && failure.code === 'internal') {
        logger.error({ err: error, job_id: record.id }, 'an attempt failed on our side');
      }
    }
    const smallLog = isContinued(failure, hold) ? await log.release() : await this.#logs.keep(log, record);
    return await tracing.span({ name: 'settle' }, () =>
      recordFailure(
        { record, token, failure, log: smallLog, logTail: log.tail(), steps: steps.counts(), summary },
        this.#deps,
      ),
    );
  }
}

function held(lease: Lease | undefined): Lease {
  if (!lease) throw new Error('a payload without a slot');
  return lease;
}

/** Returns true when another worker continues the attempt, and its log. */
const isContinued = (failure: SlipwayError | Interrupted, { isKept }: Hold) =>
  failure instanceof Interrupted &&
  (failure.reason === 'handed_over' || (failure.reason === 'stale' && isKept));

/** Returns true for a job that lost a worker or builder, or that this worker takes over from a lost one. */
const isSuspect = (record: JobRecord) => record.lost > 0 || isTakeover(record);

const isTakeover = ({ state }: JobRecord) => state === 'running';

function resultOf({ spec }: JobRecord, end: BuildEnd & { status: 'success' }): JobResult {
  return {
    image: spec.image,
    ...(end.digest !== undefined && { digest: end.digest }),
    duration_ms: end.durationMs,
  };
}
