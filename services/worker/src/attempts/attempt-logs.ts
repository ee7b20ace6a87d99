import type { JobRecord, SmallLog, StartReply } from '@slipway/control-plane/jobs';
import { type LogWriter, noteSavedLog, noteUnsavedLog, saveLostLog } from '@slipway/control-plane/logs';
import type { AttemptDeps } from './deps.js';
import { asSlipwayError } from './prepare.js';

type Deps = Pick<AttemptDeps, 'redis' | 'keys' | 'blobs' | 'metrics' | 'tracing' | 'logger'>;
type Owner = Pick<JobRecord, 'id' | 'attempt' | 'logParts'>;

/** Stores the logs of attempts. A log that cannot be stored never fails a job: the record names the fault, and the leader tries again. */
export class AttemptLogs {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Stores the end of a log, in bounded time. Returns a small log instead, which the end of the attempt stores in the record. */
  async keep(log: LogWriter, owner: Owner): Promise<SmallLog | undefined> {
    return await this.#deps.tracing.span({ name: 'keep log' }, async () => {
      const text = await log.small();
      if (text !== undefined) return { text, store: () => this.#store(log, owner) };
      await this.#store(log, owner);
      return undefined;
    });
  }

  async #store(log: LogWriter, { id, attempt }: Owner): Promise<void> {
    try {
      await log.close();
    } catch (error) {
      await this.#unsaved({ jobId: id, attempt }, error);
    }
  }

  /** Stores the log of the attempt before, if its worker was lost or could not store it. The next attempt removes its live lines. */
  async saveEarlier(admitted: JobRecord, started: StartReply): Promise<void> {
    const { redis, keys, blobs } = this.#deps;
    const isStarted = started.outcome === 'started';
    const { id: jobId, logParts } = admitted;
    const attempt = isStarted ? started.record.attempt - 1 : admitted.attempt;
    const isLost = admitted.state === 'running' || (isStarted && started.takenOver);
    const isUnsaved = admitted.attempts.some((each) => each.number === attempt && each.log_error);
    if (!isLost && !isUnsaved) return;
    try {
      await saveLostLog({ redis, keys, blobs, jobId, logParts, attempt });
      if (isUnsaved) await noteSavedLog({ redis, keys }, { jobId, attempt });
    } catch (error) {
      await this.#unsaved({ jobId, attempt }, error);
    }
  }

  async #unsaved(log: { readonly jobId: string; readonly attempt: number }, error: unknown): Promise<void> {
    const { redis, keys, metrics, logger } = this.#deps;
    const { code } = asSlipwayError(error);
    metrics.storageFaults.inc({ code });
    logger.error({ err: error, job_id: log.jobId, attempt: log.attempt, code }, 'log not kept');
    try {
      await noteUnsavedLog({ redis, keys }, { ...log, code });
    } catch (failure) {
      logger.warn({ err: failure, job_id: log.jobId }, 'the record does not say that its log is missing');
    }
  }
}
