import { setTimeout as sleep } from 'node:timers/promises';
import type { JobRecord } from '@slipway/control-plane/jobs';
import type { LogWriter } from '@slipway/control-plane/logs';
import type { Lease, ReplicaOutcome } from '@slipway/control-plane/replicas';
import { type ErrorCode, errorRow, SlipwayError } from '@slipway/shared/errors';
import type { TraceContext } from '@slipway/shared/tracing';
import type { BuildEnd } from '../builder-client/answer.js';
import { attachToBuild, cancelBuild, isGone } from '../builder-client/kept-build.js';
import { NumberedLines } from '../builder-client/log-lines.js';
import type { AttemptTrace } from './attempt-trace.js';
import type { AttemptDeps, Summary } from './deps.js';
import { asDrained, DroppedBuild, noteDraining } from './drained.js';
import { type Hold, Interrupted } from './interruptions.js';
import type { StepCounter } from './steps.js';

/** The parts of an attempt that all of its calls use. */
export interface CallContext {
  readonly record: JobRecord;
  readonly hold: Hold;
  readonly log: LogWriter;
  readonly steps: StepCounter;
  readonly summary: Summary;
  readonly trace: AttemptTrace;
}

/** The open connection of a call. */
export interface Connection {
  readonly signal: AbortSignal;
  readonly onLog: (lines: readonly string[], line?: number) => void;
  readonly onBegun: () => void;
  readonly onDraining: () => void;
  readonly traceContext: TraceContext | undefined;
}

interface ReplicaCall extends CallContext {
  /** The slot on the replica. The call frees it, or leaves it to the worker that continues the build. */
  readonly lease: Lease;
  /** The id under which the replica keeps the build; undefined when it does not. */
  readonly buildId: string | undefined;
  readonly lines: NumberedLines;
  readonly deadline: AbortSignal;
  readonly timeoutMs: number;
  /** Begins the build, or reads a build that goes on. */
  readonly connect: (connection: Connection) => Promise<BuildEnd>;
}

/** Milliseconds before each try to reach a build again whose connection broke. */
const reattachDelaysMs = [0, 250, 1_000, 2_000];

/** Returns a counter of the lines of a build, which also stores them. `next` is the number of the line that the log has not yet. */
export function linesOf({ log, steps }: Pick<CallContext, 'log' | 'steps'>, next: number): NumberedLines {
  return new NumberedLines({
    next,
    onLog(lines) {
      steps.read(lines);
      log.append(lines);
    },
  });
}

/**
 * Calls a replica for a build until the build ends. When the connection breaks and the replica keeps the build, the call reads on over another
 * connection. A failure whose fault is the fleet's is thrown, also when the replica returned it as the result of the build, and counts against the replica.
 */
export async function callReplica(call: ReplicaCall, deps: AttemptDeps): Promise<BuildEnd> {
  const { lease, hold, deadline, timeoutMs, summary, trace, lines } = call;
  const { placement, registry, counts } = deps;
  const signal = AbortSignal.any([hold.signal, deadline]);
  summary.replica = lease.url;
  hold.isKept = call.buildId !== undefined;
  const reported = { began: false, draining: false };
  let outcome: ReplicaOutcome = 'none';
  let engineDied = false;
  let leavesBuild = false;
  try {
    signal.throwIfAborted();
    if (!placement.holds(lease)) throw new Interrupted('slot_lost');
    const end = await trace.call(lease.url, (traceContext) =>
      follow(
        call,
        {
          signal,
          onLog: (received, line) => lines.take(received, line),
          onBegun: () => hold.setGoesOn(call.buildId !== undefined),
          onDraining() {
            reported.draining = true;
            noteDraining(lease.url, deps);
          },
          traceContext,
        },
        deps,
      ),
    );
    if (end.status === 'failed' && errorRow(end.code).fault === 'fleet') {
      reported.began = true;
      engineDied = end.code === 'builder_lost';
      throw new SlipwayError(end.code, end.detail);
    }
    outcome = 'ok';
    counts.called({ replica: lease.url, outcome: end.status === 'success' ? 'succeeded' : 'failed' });
    return end;
  } catch (cause) {
    const isLate = deadline.aborted && !hold.signal.aborted;
    leavesBuild = isLeft(cause);
    if (!leavesBuild && (isLate || mayGoOn(cause))) await stop(call, deps);
    if (isLate) throw new SlipwayError('timed_out', `The build took longer than ${timeoutMs / 1_000} s.`);
    if (!(cause instanceof SlipwayError)) throw cause;
    const drained = await asDrained(cause, { ...reported, url: lease.url }, deps);
    const error = drained ?? cause;
    outcome = engineDied && !drained ? 'broken' : outcomeOf(error);
    if (outcome !== 'none') {
      const isRefusal = outcome === 'busy' || outcome === 'draining';
      counts.called({ replica: lease.url, outcome: isRefusal ? 'refused' : 'fault' });
    }
    // The replica reported another engine before. Until a worker asks it again, it gets no job that needs this.
    if (error.code === 'builder_not_isolated' || error.code === 'builder_without_options')
      await registry.setEngine(lease.url, 'unknown');
    throw error;
  } finally {
    hold.setGoesOn(false);
    if (leavesBuild && call.buildId !== undefined) placement.leave(lease);
    else placement.free(lease, outcome);
  }
}

/** Returns true if the job must go to another replica in the same attempt. */
export const isPlacedAgain = (error: unknown): error is SlipwayError =>
  error instanceof SlipwayError &&
  !(error instanceof DroppedBuild) &&
  errorRow(error.code).retry === 'replace';

/** Returns true if another worker continues the build, or may do so. */
const isLeft = (error: unknown) =>
  error instanceof Interrupted && (error.reason === 'stale' || error.reason === 'handed_over');

const breaks: readonly ErrorCode[] = ['builder_lost', 'builder_protocol'];
const unfit: readonly ErrorCode[] = ['builder_not_isolated', 'builder_without_options'];

/** Returns true if the replica may still build, although the attempt does not want the build any more. */
const mayGoOn = (error: unknown) =>
  !(error instanceof SlipwayError) || breaks.includes(error.code) || unfit.includes(error.code);

async function stop({ lease, buildId }: ReplicaCall, deps: AttemptDeps): Promise<void> {
  if (buildId === undefined) return;
  const { payloadSecret, now, dispatcher } = deps;
  await cancelBuild({ url: lease.url, buildId, payloadSecret, now, dispatcher });
}

async function follow(call: ReplicaCall, connection: Connection, deps: AttemptDeps): Promise<BuildEnd> {
  try {
    return await call.connect(connection);
  } catch (error) {
    if (call.buildId === undefined || !isBroken(error)) throw error;
    return await reattach(call, call.buildId, { connection, broken: error }, deps);
  }
}

const isBroken = (error: unknown): error is SlipwayError =>
  error instanceof SlipwayError && breaks.includes(error.code);

/** Reads a build on whose connection broke. Throws the error of that connection when the replica has lost the build. */
async function reattach(
  { record, lease, lines, hold }: ReplicaCall,
  buildId: string,
  { connection, broken }: { readonly connection: Connection; readonly broken: SlipwayError },
  { payloadSecret, now, dispatcher, logger }: AttemptDeps,
): Promise<BuildEnd> {
  const { signal, onLog, onDraining } = connection;
  for (let tries = 0; tries < reattachDelaysMs.length; ) {
    await sleep(reattachDelaysMs[tries], undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
    const from = lines.next;
    try {
      const asked = { url: lease.url, buildId, from, payloadSecret, now, signal, dispatcher };
      const opened = await attachToBuild(asked);
      if (!opened) break;
      logger.info({ job_id: record.id, replica: lease.url, line: from }, 'a broken connection is continued');
      hold.setGoesOn(true);
      return await opened.read({ image: record.spec.image, onLog, onDraining });
    } catch (error) {
      signal.throwIfAborted();
      if (isGone(error) || !(error instanceof SlipwayError)) break;
      tries = lines.next > from ? 0 : tries + 1;
    }
  }
  throw broken;
}

/** Returns what an error of a call means for the replica's health. */
function outcomeOf({ code }: SlipwayError): ReplicaOutcome {
  switch (code) {
    case 'builder_busy':
      return 'busy';
    case 'builder_draining':
      return 'draining';
    case 'engine_unreachable':
      return 'broken';
    case 'builder_unreachable':
    case 'builder_lost':
    case 'builder_protocol':
      return 'fault';
    default:
      return 'none';
  }
}
