import type { JobRecord } from '@slipway/control-plane/jobs';
import type { LogWriter } from '@slipway/control-plane/logs';
import type { Lease, ReplicaOutcome } from '@slipway/control-plane/replicas';
import {
  type BuilderFeature,
  buildOptionsOf,
  defaultTenantName,
  imageRepository,
  parseImageReference,
} from '@slipway/shared/contracts';
import { errorRow, SlipwayError } from '@slipway/shared/errors';
import type { BuildEnd } from '../builder-client/answer.js';
import { callBuilder } from '../builder-client/call.js';
import type { AttemptTrace } from './attempt-trace.js';
import type { AttemptDeps, Summary } from './deps.js';
import { asDrained, DroppedBuild, noteDraining, type Reported } from './drained.js';
import { Interrupted } from './interruptions.js';
import type { Prepared } from './prepare.js';
import type { StepCounter } from './steps.js';

interface BuildContext {
  readonly record: JobRecord;
  readonly token: string;
  readonly prepared: Prepared & { readonly ready: true };
  /** The slot that the attempt began with. `build` always frees it. */
  readonly lease: Lease;
  readonly signal: AbortSignal;
  readonly log: LogWriter;
  readonly steps: StepCounter;
  readonly summary: Summary;
  readonly trace: AttemptTrace;
}

/** Replicas that one attempt calls at most. */
const maxCalls = 6;
/** Milliseconds to wait for another replica after one refused. */
const failoverWaitMs = 100;

/** Returns the repository of the image. The placement prefers replicas that may have its layers. */
export function repositoryOf({ spec }: JobRecord): string {
  const reference = parseImageReference(spec.image);
  return reference ? imageRepository(reference) : spec.image;
}

/** Returns true if the source is not trusted with a builder's machine. The tenant `default` is the operator's own. */
export const needsIsolation = ({ tenant }: JobRecord) => tenant !== defaultTenantName;

/** Returns the feature that a replica must report to get the job. Other replicas ignore unknown fields and would build something else. */
export const needsFeature = ({ spec }: JobRecord): BuilderFeature | undefined =>
  Object.keys(buildOptionsOf(spec)).length > 0 ? 'build-options' : undefined;

/** Returns an id per job and token, so that a later attempt never renews or frees the slot of an earlier one. */
export const leaseId = (jobId: string, token: string) => `${jobId}:${token}`;
export const jobOfLease = (id: string) => id.split(':', 1)[0] ?? '';

/**
 * Calls one replica after the other until one builds, within the time of one attempt. A failure whose fault is the fleet's is thrown, also when a
 * replica returned it as the result of the build, and counts against that replica.
 */
export async function build(context: BuildContext, deps: AttemptDeps): Promise<BuildEnd> {
  const { record, token, signal, summary } = context;
  const { placement, registry, store, metrics, counts } = deps;
  const timeoutMs = record.spec.timeout === undefined ? deps.buildTimeoutMs : record.spec.timeout * 1_000;
  const deadline = AbortSignal.timeout(timeoutMs);
  const both = AbortSignal.any([signal, deadline]);
  const tried = new Set<string>();
  let lease: Lease | undefined = context.lease;
  for (;;) {
    tried.add(lease.url);
    summary.replica = lease.url;
    let outcome: ReplicaOutcome = 'none';
    let engineDied = false;
    let refusal: SlipwayError;
    const reported = { began: false, draining: false };
    try {
      const end = await callOnce({ ...context, lease, signal: both, timeoutMs, reported }, deps);
      if (end.status === 'failed' && errorRow(end.code).fault === 'fleet') {
        reported.began = true;
        engineDied = end.code === 'builder_lost';
        throw new SlipwayError(end.code, end.detail);
      }
      outcome = 'ok';
      counts.called({ replica: lease.url, outcome: end.status === 'success' ? 'succeeded' : 'failed' });
      return end;
    } catch (cause) {
      if (deadline.aborted && !signal.aborted) {
        throw new SlipwayError('timed_out', `The build took longer than ${timeoutMs / 1_000} s.`);
      }
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
      if (error instanceof DroppedBuild || errorRow(error.code).retry !== 'replace') throw error;
      // A worker that drains places no build: another worker has more time for it.
      if (tried.size >= maxCalls || deps.stopping.aborted) throw error;
      refusal = error;
    } finally {
      placement.free(lease, outcome);
    }
    metrics.replaced.inc({ code: refusal.code });
    summary.replaced++;
    const wanted = {
      id: leaseId(record.id, token),
      pool: record.pool,
      repository: repositoryOf(record),
      suspect: record.lost > 0,
      priority: record.priority,
      needsIsolation: needsIsolation(record),
      needsFeature: needsFeature(record),
      home: undefined,
      except: tried,
    };
    lease = await placement.acquire(wanted, failoverWaitMs, both);
    if (!lease) throw signal.aborted ? signal.reason : refusal;
    if (!(await store.place(record.id, token, lease.url))) {
      placement.free(lease, 'none');
      throw new Interrupted('stale');
    }
  }
}

async function callOnce(
  call: BuildContext & { readonly timeoutMs: number; readonly reported: Reported },
  deps: AttemptDeps,
): Promise<BuildEnd> {
  const { lease, prepared, signal, timeoutMs, log, steps, trace, reported } = call;
  signal.throwIfAborted();
  if (!deps.placement.holds(lease)) throw new Interrupted('slot_lost');
  deps.metrics.assembledBytes.inc(prepared.payload.length);
  return await trace.call(lease.url, (traceContext) =>
    callBuilder({
      url: lease.url,
      image: call.record.spec.image,
      payload: prepared.payload,
      signature: prepared.signature,
      needsIsolation: needsIsolation(call.record),
      needsFeature: needsFeature(call.record),
      timeoutMs,
      signal,
      dispatcher: deps.dispatcher,
      onLog(lines) {
        steps.read(lines);
        log.append(lines);
      },
      onDraining() {
        reported.draining = true;
        noteDraining(lease.url, deps);
      },
      traceContext,
      tracing: deps.tracing,
    }),
  );
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
