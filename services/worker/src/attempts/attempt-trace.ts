import { createHash } from 'node:crypto';
import type { JobRecord } from '@slipway/control-plane/jobs';
import type { TraceContext, TraceSpan, Tracing } from '@slipway/shared/tracing';
import type { Summary } from './deps.js';
import type { Phases } from './phases.js';

interface AttemptTraceOptions {
  readonly tracing: Tracing;
  /** The record after the start of the attempt. */
  readonly record: JobRecord;
  readonly phases: Phases;
  /** The worker that this one continues the attempt of. It has not written the spans of the attempt. */
  readonly continues?: string | undefined;
}

/** Outcomes that are no error of the attempt. */
const wellEnded = new Set(['succeeded', 'canceled', 'shutdown']);
/** Outcomes after which another worker writes the spans of the attempt. */
const continued = new Set(['stale', 'handed_over']);

/**
 * The spans of one attempt. The ids of the attempt and of its calls follow from the job, the attempt's number and the replica. A worker that is killed
 * exports neither. The worker that takes its job over can write both, so the builder's spans under them keep a parent.
 * A worker that was only frozen never ends the spans of an attempt that another worker took over.
 */
export class AttemptTrace {
  readonly #tracing: Tracing;
  readonly #record: JobRecord;
  /** When the attempt began, if another worker began it. */
  readonly #begunAt: number | undefined;
  readonly #span: TraceSpan;
  readonly #calls: { readonly span: TraceSpan; readonly endedAt: number }[] = [];

  constructor({ tracing, record, phases, continues }: AttemptTraceOptions) {
    this.#tracing = tracing;
    this.#record = record;
    const begunAt = Date.parse(record.attempts.at(-1)?.started_at ?? '');
    this.#begunAt = continues === undefined || Number.isNaN(begunAt) ? undefined : begunAt;
    this.#span = tracing.start({
      name: 'attempt',
      kind: 'consumer',
      parent: record.trace,
      id: attemptSpanId(record.id, record.attempt),
      attributes: attemptAttributes(record, record.attempt),
      startedAt: this.#begunAt ?? phases.startedAt,
    });
    if (continues !== undefined) {
      const { takeovers } = record.attempts.at(-1) ?? {};
      this.#span.event('takeover', { 'slipway.worker.before': continues, 'slipway.takeovers': takeovers });
      return;
    }
    const wait = record.attempts.at(-1)?.wait_ms;
    if (wait !== undefined) {
      const queued = { name: 'wait in queue', parent: record.trace, startedAt: phases.startedAt - wait };
      tracing.start(queued).end(phases.startedAt);
    }
    this.#span.during(() => {
      for (const { name, startedAt, endedAt } of phases.done) {
        tracing.start({ name, startedAt }).end(endedAt);
      }
    });
  }

  during<T>(work: () => T): T {
    return this.#span.during(work);
  }

  /** Runs a call of a replica, to which `work` sends `context`. */
  async call<T>(replica: string, work: (context: TraceContext | undefined) => Promise<T>): Promise<T> {
    const span = this.#tracing.start({
      ...callSpan({ record: this.#record, number: this.#record.attempt, replica }),
      ...(this.#begunAt !== undefined && { startedAt: this.#begunAt }),
    });
    try {
      return await span.during(() => work(span.context));
    } catch (error) {
      span.fail(codeOfFailure(error));
      throw error;
    } finally {
      this.#calls.push({ span, endedAt: this.#tracing.now() });
    }
  }

  end({ outcome = 'internal', replica, replaced, payload_bytes }: Summary): void {
    if (continued.has(outcome)) return;
    for (const { span, endedAt } of this.#calls) span.end(endedAt);
    if (!wellEnded.has(outcome)) this.#span.fail(outcome);
    this.#span.set({
      'slipway.outcome': outcome,
      'slipway.replica': replica,
      'slipway.replaced': replaced,
      'slipway.payload.bytes': payload_bytes,
    });
    this.#span.end();
  }
}

/** Outcomes of attempts that another worker took over. */
const takeovers = ['worker_lost', 'draining'] as const;

/** Writes the spans that a lost worker could not, if that is how the last attempt before this one ended. */
export function traceLostAttempt(
  { record, number }: { record: JobRecord; number: number },
  tracing: Tracing,
): void {
  const lost = record.attempts.find((attempt) => attempt.number === number);
  const outcome = takeovers.find((each) => each === lost?.outcome);
  if (!lost || !outcome || record.trace === undefined) return;
  const startedAt = Date.parse(lost.started_at);
  const endedAt = Date.parse(lost.finished_at ?? lost.started_at);
  const span = tracing.start({
    name: 'attempt',
    kind: 'consumer',
    parent: record.trace,
    id: attemptSpanId(record.id, number),
    attributes: {
      ...attemptAttributes(record, number),
      'slipway.outcome': outcome,
      'slipway.worker': lost.worker,
    },
    startedAt,
  });
  span.fail(outcome);
  const { replica } = lost;
  if (replica !== undefined) {
    const call = span.during(() => tracing.start({ ...callSpan({ record, number, replica }), startedAt }));
    call.fail(outcome);
    call.end(endedAt);
  }
  span.end(endedAt);
}

function callSpan({ record, number, replica }: { record: JobRecord; number: number; replica: string }) {
  const { hostname, port, protocol } = new URL(replica);
  return {
    name: 'POST /build',
    kind: 'client',
    id: spanId(`${record.id} ${number} ${replica}`),
    attributes: {
      'http.request.method': 'POST',
      'server.address': hostname,
      'server.port': port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
      'slipway.replica': replica,
    },
  } as const;
}

function attemptAttributes({ id, tenant, pool, batch, spec, partOf }: JobRecord, number: number) {
  return {
    'messaging.system': 'slipway',
    'messaging.operation.type': 'process',
    'messaging.operation.name': 'attempt',
    'messaging.destination.name': 'builds',
    'messaging.message.id': id,
    'slipway.job.id': id,
    'slipway.attempt': number,
    'slipway.tenant': tenant,
    'slipway.pool': pool,
    'slipway.batch.id': batch,
    'slipway.part_of': partOf,
    'slipway.function': spec.function,
    'slipway.image': spec.image,
  };
}

const attemptSpanId = (job: string, number: number) => spanId(`${job} ${number}`);
const spanId = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

function codeOfFailure(error: unknown): string {
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  return typeof code === 'string' ? code : typeof reason === 'string' ? reason : 'internal';
}
