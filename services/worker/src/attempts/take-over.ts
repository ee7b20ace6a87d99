import { setTimeout as sleep } from 'node:timers/promises';
import type { AttachReply, JobRecord } from '@slipway/control-plane/jobs';
import { readStoredLog, type StoredLog } from '@slipway/control-plane/logs';
import type { Lease } from '@slipway/control-plane/replicas';
import { SlipwayError } from '@slipway/shared/errors';
import type { BuildEnd } from '../builder-client/answer.js';
import { attachToBuild, cancelBuild, isGone, type OpenBuild } from '../builder-client/kept-build.js';
import { leaseId, newToken, timeoutMsOf } from './build.js';
import { type CallContext, callReplica, linesOf } from './call-replica.js';
import type { AttemptDeps } from './deps.js';
import { asSlipwayError } from './prepare.js';
import { isStoreFault } from './retry.js';
import { StepCounter } from './steps.js';

/** The build of a lost or stopped worker that this one continues. */
export interface TakenOver {
  /** The record after the takeover. */
  readonly record: JobRecord;
  readonly token: string;
  readonly lease: Lease;
  /** The worker that held the build before. */
  readonly from: string;
  readonly opened: OpenBuild;
  readonly stored: StoredLog;
  readonly steps: StepCounter;
}

type Takeover =
  | ({ readonly outcome: 'taken over' } & TakenOver)
  /** The replica does not have the build any more, or no worker may continue it: the job is built again. */
  | { readonly outcome: 'lost' }
  /** Another worker continues the build, or it has ended. */
  | { readonly outcome: 'gone' }
  /** Not now. */
  | { readonly outcome: 'wait' };

interface TakeOverOptions {
  readonly record: JobRecord;
  readonly buildId: string;
  readonly takesSuspects: boolean;
}

/** Milliseconds before each try to reach the replica. */
const attachDelaysMs = [0, 500, 1_500];
/** Milliseconds to read the end of a build whose time is up. The replica stops it itself. */
const graceMs = 5_000;

/** Continues a build that goes on at its replica, if the replica still has it. The record changes only then. */
export async function takeOver(options: TakeOverOptions, deps: AttemptDeps): Promise<Takeover> {
  const { record, buildId, takesSuspects } = options;
  const { redis, keys, blobs, store, placement, registry, workerName: worker, metrics, logger } = deps;
  const url = record.attempts.at(-1)?.replica ?? '';
  const { id: jobId, attempt, logParts } = record;
  const steps = new StepCounter();
  let stored: StoredLog;
  try {
    const log = { redis, keys, blobs, jobId, logParts, attempt };
    stored = await readStoredLog(log, (lines) => steps.read(lines));
  } catch (error) {
    if (isStoreFault(asSlipwayError(error).code)) return { outcome: 'wait' };
    throw error;
  }
  const slot = { id: leaseId(jobId, buildId), url };
  const lost = async (): Promise<Takeover> => {
    metrics.takeovers.inc({ outcome: 'lost' });
    logger.warn({ job_id: jobId, attempt, replica: url }, 'the builder has lost a build that had no worker');
    placement.free({ ...slot, taken: 0 }, 'none');
    return { outcome: 'lost' };
  };
  const opened = await reach({ url, buildId, from: stored.lines }, deps);
  if (opened === 'no answer' && (await registry.mayHaveBuild(slot))) return { outcome: 'wait' };
  if (typeof opened === 'string') return await lost();
  const token = newToken(buildId);
  let attached: AttachReply | undefined;
  let lease: Lease | undefined;
  try {
    attached = await store.attach(jobId, { build: buildId, token, worker, takesSuspects });
    if (attached.outcome === 'attached') {
      lease = await placement.adopt(slot);
      metrics.takeovers.inc({ outcome: 'continued' });
      const { record, from } = attached;
      return { outcome: 'taken over', record, from, token, lease, opened, stored, steps };
    }
  } finally {
    if (!lease) opened.close();
  }
  if (attached.outcome !== 'stale') return { outcome: attached.outcome === 'wait' ? 'wait' : 'gone' };
  const now = await store.get(jobId);
  if (now?.state !== 'running' || now.build !== buildId) return { outcome: 'gone' };
  // Too many workers have died over this build.
  const { payloadSecret, dispatcher } = deps;
  await cancelBuild({ url, buildId, payloadSecret, now: deps.now, dispatcher });
  return await lost();
}

/** Opens the stream of the build. */
async function reach(
  build: { readonly url: string; readonly buildId: string; readonly from: number },
  { payloadSecret, now, dispatcher }: AttemptDeps,
): Promise<OpenBuild | 'lost' | 'no answer'> {
  for (const delayMs of attachDelaysMs) {
    await sleep(delayMs);
    try {
      return (await attachToBuild({ ...build, payloadSecret, now, dispatcher })) ?? 'lost';
    } catch (error) {
      if (isGone(error)) return 'lost';
      if (!(error instanceof SlipwayError)) throw error;
    }
  }
  return 'no answer';
}

/** Reads a build that this worker took over until its end, within the time of its attempt. */
export async function continueBuild(context: CallContext & TakenOver, deps: AttemptDeps): Promise<BuildEnd> {
  const { record, opened, stored } = context;
  const timeoutMs = timeoutMsOf(record, deps);
  const begun = Date.parse(record.attempts.at(-1)?.started_at ?? '');
  const leftMs = Math.max(graceMs, begun + timeoutMs - deps.now());
  const lines = linesOf(context, stored.lines);
  const call = { ...context, buildId: record.build, lines, timeoutMs, deadline: AbortSignal.timeout(leftMs) };
  return await callReplica(
    {
      ...call,
      async connect({ signal, onBegun, onLog, onDraining }) {
        const close = () => opened.close();
        signal.addEventListener('abort', close);
        onBegun();
        try {
          return await opened.read({ image: record.spec.image, onLog, onDraining });
        } catch (error) {
          signal.throwIfAborted();
          throw error;
        } finally {
          signal.removeEventListener('abort', close);
        }
      },
    },
    deps,
  );
}
