/**
 * The position of a span in its trace, as text for storage and transport: a W3C `traceparent`, and after a space its `tracestate`
 * if it has one. At most 600 characters.
 */
export type TraceContext = string;

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanOptions {
  /** The name, with few distinct values: ids belong in attributes. */
  readonly name: string;
  /** Default `internal`. */
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** The parent span in another process. Default: the active span. */
  readonly parent?: TraceContext | undefined;
  /**
   * Allows a span without a parent: `alone` starts a trace if there is no parent. `linked` always starts a trace with a link to
   * the active span, but creates no span if that one is not recorded. Otherwise no span starts without a parent.
   */
  readonly begins?: 'alone' | 'linked';
  /** The span id, 16 hex digits, for a span that another process may have to write instead of this one. */
  readonly id?: string | undefined;
  /** Attributes; undefined ones are dropped. No secrets, and no input of a build. */
  readonly attributes?: Attributes;
  /** Milliseconds since the epoch, from `Tracing.now`. Default: now. */
  readonly startedAt?: number;
}

/** A started span. A span that never ends is never exported. */
export interface TraceSpan {
  /** The parent context for other spans; undefined when there is no trace. */
  readonly context: TraceContext | undefined;
  set(attributes: Attributes): void;
  /** Adds an event to the span, now. */
  event(name: string, attributes?: Attributes): void;
  /** Marks the span as failed with a code. Messages may hold private data. */
  fail(code: string): void;
  /** Runs `work` with this span as the active one, across all its waits. */
  during<T>(work: () => T): T;
  end(at?: number): void;
}

/** Spans of a process. When tracing is off, every method does nothing. */
export interface Tracing {
  /** Returns milliseconds since the epoch, in fractions; 0 when tracing is off. */
  now(): number;
  start(options: SpanOptions): TraceSpan;
  /** Runs `work` in a new active span. */
  span<T>(options: SpanOptions, work: (span: TraceSpan) => Promise<T>): Promise<T>;
  /** Returns the context of the active span. */
  current(): TraceContext | undefined;
  /** Returns the log fields of the active span. */
  logFields(): { readonly trace_id: string; readonly span_id: string } | undefined;
}

const noSpan: TraceSpan = {
  context: undefined,
  set: () => undefined,
  event: () => undefined,
  fail: () => undefined,
  during: (work) => work(),
  end: () => undefined,
};

/** Tracing that is off. */
export const noTracing: Tracing = {
  now: () => 0,
  start: () => noSpan,
  span: (_options, work) => work(noSpan),
  current: () => undefined,
  logFields: () => undefined,
};
