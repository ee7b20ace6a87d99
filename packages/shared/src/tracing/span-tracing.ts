import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { type IdGenerator, RandomIdGenerator } from '@opentelemetry/sdk-trace';
import { codeOf } from '../errors/index.js';
import {
  type Attributes,
  noTracing,
  type SpanOptions,
  type TraceContext,
  type TraceSpan,
  type Tracing,
} from './tracing.js';

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** Generates random ids, except for the span with a chosen id. */
export class ChosenIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #next: string | undefined;

  generateTraceId(): string {
    return this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.#next ?? this.#random.generateSpanId();
  }

  /** `start` starts one span, synchronously. */
  with<T>(id: string | undefined, start: () => T): T {
    this.#next = id;
    try {
      return start();
    } finally {
      this.#next = undefined;
    }
  }
}

interface SpanTracingOptions {
  readonly tracer: Tracer;
  readonly ids: ChosenIds;
}

/** Tracing with OpenTelemetry spans. The active span belongs to this object, so that a process may have several. */
export class SpanTracing implements Tracing {
  readonly #tracer: Tracer;
  readonly #ids: ChosenIds;
  readonly #active = new AsyncLocalStorage<Span>();
  readonly #clock = new SpanClock();

  constructor({ tracer, ids }: SpanTracingOptions) {
    this.#tracer = tracer;
    this.#ids = ids;
  }

  now(): number {
    return this.#clock.now();
  }

  start(options: SpanOptions): TraceSpan {
    const { name, kind = 'internal', begins, id, attributes = {}, startedAt = this.now() } = options;
    const active = this.#active.getStore();
    const parent = begins === 'linked' ? undefined : parentOf(options.parent, active);
    if (!parent && (begins === undefined || (begins === 'linked' && active && !active.isRecording()))) {
      return noTracing.start(options);
    }
    const links = begins === 'linked' && active ? [{ context: active.spanContext() }] : [];
    const span = this.#ids.with(id, () =>
      this.#tracer.startSpan(
        name,
        {
          kind: kinds[kind],
          attributes: known(attributes),
          links,
          startTime: startedAt,
        },
        parent ?? ROOT_CONTEXT,
      ),
    );
    return new OpenSpan({ span, active: this.#active, clock: this.#clock });
  }

  async span<T>(options: SpanOptions, work: (span: TraceSpan) => Promise<T>): Promise<T> {
    const span = this.start(options);
    try {
      return await span.during(() => work(span));
    } catch (error) {
      span.fail(codeOf(error));
      throw error;
    } finally {
      span.end();
    }
  }

  current(): TraceContext | undefined {
    const span = this.#active.getStore();
    return span && textOf(span.spanContext());
  }

  logFields() {
    const context = this.#active.getStore()?.spanContext();
    return context && { trace_id: context.traceId, span_id: context.spanId };
  }
}

class OpenSpan implements TraceSpan {
  readonly #span: Span;
  readonly #active: AsyncLocalStorage<Span>;
  readonly #clock: SpanClock;

  constructor({ span, active, clock }: { span: Span; active: AsyncLocalStorage<Span>; clock: SpanClock }) {
    this.#span = span;
    this.#active = active;
    this.#clock = clock;
  }

  get context(): TraceContext {
    return textOf(this.#span.spanContext());
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes(known(attributes));
  }

  event(name: string, attributes: Attributes = {}): void {
    this.#span.addEvent(name, known(attributes), this.#clock.now());
  }

  fail(code: string): void {
    this.#span.setAttribute('error.type', code);
    this.#span.setStatus({ code: SpanStatusCode.ERROR });
  }

  during<T>(work: () => T): T {
    return this.#active.run(this.#span, work);
  }

  end(at = this.#clock.now()): void {
    this.#span.end(at);
  }
}

function parentOf(text: TraceContext | undefined, active: Span | undefined): Context | undefined {
  const remote = text === undefined ? undefined : contextOf(text);
  if (remote) return trace.setSpanContext(ROOT_CONTEXT, remote);
  return active && trace.setSpan(ROOT_CONTEXT, active);
}

const maxStateLength = 512;
const sampledFlag = 1;

/** `version-traceid-parentid-flags`. In later versions, data after the flags is ignored. */
const traceparent = /^(?!ff)([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.{0,64})?$/;

/** Returns the context of a valid text, without parts of the state that may not be kept; undefined for an invalid text. */
function contextOf(text: TraceContext): SpanContext | undefined {
  const [head = '', ...rest] = text.split(' ');
  const match = traceparent.exec(head);
  if (!match) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', more] = match;
  if (version === '00' && more !== undefined) return undefined;
  const state = rest.join(' ');
  const context: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & sampledFlag,
    isRemote: true,
    ...(state !== '' && state.length <= maxStateLength && { traceState: createTraceState(state) }),
  };
  return isSpanContextValid(context) ? context : undefined;
}

function textOf({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceContext {
  const head = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  const state = traceState?.serialize() ?? '';
  return state === '' || state.length > maxStateLength ? head : `${head} ${state}`;
}

function known(attributes: Attributes): Record<string, string | number | boolean> {
  const kept: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) kept[name] = value;
  return kept;
}

/** If the two clocks differ by more milliseconds than this, the time of day wins. */
const toleranceMs = 20;

/** Returns the time of day in fractions of a millisecond. It never goes back on its own, so that spans nest correctly. */
class SpanClock {
  #origin = performance.timeOrigin;

  /** Returns milliseconds since the epoch. */
  now(): number {
    const at = this.#origin + performance.now();
    const behind = Date.now() - at;
    if (Math.abs(behind) < toleranceMs) return at;
    this.#origin += behind;
    return at + behind;
  }
}
