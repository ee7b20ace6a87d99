import type { JobRecord, SmallLog } from '@slipway/control-plane/jobs';
import type { Attempt, JobError } from '@slipway/shared/contracts';
import type { SlipwayError } from '@slipway/shared/errors';
import { answers } from '../fleet/report.js';
import type { AttemptDeps, Summary } from './deps.js';
import { DroppedBuild } from './drained.js';
import { Interrupted } from './interruptions.js';
import { registrySign } from './registry-sign.js';
import { decideRetry, dropsOf, isRepeated, registryFaults } from './retry.js';

/** The next step for the job in the queue after an attempt. */
export type AttemptResult =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly delayMs: number }
  /** Before all other jobs: another worker continues the build. */
  | { readonly kind: 'first' };

interface FailureContext {
  readonly record: JobRecord;
  readonly token: string;
  readonly failure: SlipwayError | Interrupted;
  /** The whole log, if the record is to keep it. */
  readonly log: SmallLog | undefined;
  readonly logTail: readonly string[];
  readonly steps: Attempt['steps'];
  readonly summary: Summary;
}

/** Records the failure of an attempt, and decides whether another follows. */
export async function recordFailure(context: FailureContext, deps: AttemptDeps): Promise<AttemptResult> {
  const { failure, summary } = context;
  if (failure instanceof Interrupted) {
    summary.outcome = failure.reason;
    return await recordInterruption(context, failure, deps);
  }
  const { record, token } = context;
  const { code, message: detail } = failure;
  Object.assign(summary, { outcome: code, detail });
  const { maxAttempts, registryRetryMs, random, store, dispatcher } = deps;
  const registry = registryFaults(record.attempts, deps.now());
  const limits = { maxAttempts, registryRetryMs };
  const { spent, placements } = record;
  const drops = { isDropped: failure instanceof DroppedBuild, drops: dropsOf(record.attempts) };
  const decision = decideRetry({ code, detail, spent, placements, registry, random, ...drops, ...limits });
  if (isRepeated({ code, placements })) deps.metrics.placementsRepeated.inc({ code });
  const sign = registrySign({ code, detail }, record);
  if (decision.kind === 'fail') {
    const error: JobError = { code, detail, log_tail: [...context.logTail] };
    await recorded(
      store.finish(record.id, token, {
        ...{ state: 'failed', error, registry: sign },
        ...{ steps: context.steps, log: context.log },
      }),
      summary,
    );
    if (summary.outcome === code)
      deps.metrics.attemptEndedJob(record.spec.function, { state: 'failed', code });
    return { kind: 'done' };
  }
  // A connection may break by chance. A replica that does not answer afterwards may have died of this build.
  const replica = summary.replica;
  const died = code === 'builder_lost' && replica !== undefined && !(await answers(replica, dispatcher));
  const placed = !decision.listed;
  await recorded(
    store.requeue(record.id, token, {
      code,
      detail,
      ...decision,
      placed,
      died,
      registry: sign,
      steps: context.steps,
      log: context.log,
    }),
    summary,
  );
  return { kind: 'again', delayMs: decision.delayMs };
}

async function recordInterruption(
  { record, token, log, logTail, summary }: FailureContext,
  { reason, message: detail }: Interrupted,
  { store, metrics }: AttemptDeps,
): Promise<AttemptResult> {
  switch (reason) {
    case 'canceled': {
      const error: JobError = {
        code: 'canceled',
        detail: 'The job was canceled while it ran.',
        log_tail: [...logTail],
      };
      await recorded(store.finish(record.id, token, { state: 'canceled', error, log }), summary);
      if (summary.outcome === 'canceled')
        metrics.attemptEndedJob(record.spec.function, { state: 'canceled' });
      return { kind: 'done' };
    }
    case 'shutdown':
    case 'slot_lost':
      // Slipway stopped the build: the attempt is no fault and does not count. After a shutdown the record keeps it, as the reason to build again.
      await recorded(
        store.requeue(record.id, token, {
          ...{ code: 'draining', detail, spent: false, delayMs: 0 },
          listed: reason === 'shutdown',
          log,
        }),
        summary,
      );
      return { kind: 'again', delayMs: 0 };
    case 'handed_over':
      // A refusal means that another worker has the job already.
      return (await store.handOver(record.id, token)) ? { kind: 'first' } : { kind: 'done' };
    case 'stale':
      // Another worker has the job now, so this attempt may record nothing.
      return { kind: 'done' };
    default:
      return reason satisfies never;
  }
}

/** Records a transition. A refused transition means that another worker has the job now. */
export async function recorded(transition: Promise<boolean>, summary: Summary): Promise<void> {
  if (!(await transition)) Object.assign(summary, { outcome: 'stale', detail: 'The result was refused.' });
}
