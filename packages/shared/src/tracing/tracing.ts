/**
 * Where a span stands in its trace, as text that can be stored and sent: a W3C `traceparent`, and after a space its `tracestate`
 * if it has one. At most 600 characters.
 */
export type TraceContext = string;

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanOptions {
  /** Of few different values: ids belong in attributes. */
  readonly name: string;
  /** Default `internal`. */
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** What it belongs to, from elsewhere. Default: the span that is active. */
  readonly parent?: TraceContext | undefined;
  /**
   * Whether it may begin a trace: `alone`, when it belongs to nothing; `linked`, in any case, with a link to the span that is active, and not at all
   * when that one is not recorded. Otherwise there is no span without a parent.
   */
  readonly begins?: 'alone' | 'linked';
  /** Its id, 16 hex digits, for a span that another process may have to write in place of this one. */
  readonly id?: string | undefined;
  /** Those that are undefined are left out. No secrets, nothing that a build was given. */
  readonly attributes?: Attributes;
  /** Milliseconds since the epoch, of `Tracing.now`. Default: now. */
  readonly startedAt?: number;
}

/** A span that has begun. One that is never ended is never exported. */
export interface TraceSpan {
  /** For what belongs to it; undefined when there is no trace. */
  readonly context: TraceContext | undefined;
  set(attributes: Attributes): void;
  /** It went wrong, as a code says; messages may hold what is nobody's business. */
  fail(code: string): void;
  /** Runs `work` with this span as the active one, whatever it waits for. */
  during<T>(work: () => T): T;
  end(at?: number): void;
}

/** Spans of what a process does. When tracing is off all of it does nothing. */
export interface Tracing {
  /** Milliseconds since the epoch, in fractions; 0 when tracing is off. */
  now(): number;
  start(options: SpanOptions): TraceSpan;
  /** A span around `work`, active during it. */
  span<T>(options: SpanOptions, work: (span: TraceSpan) => Promise<T>): Promise<T>;
  /** Of the span that is active. */
  current(): TraceContext | undefined;
  /** What log lines carry about the span that is active. */
  logFields(): { readonly trace_id: string; readonly span_id: string } | undefined;
}

const noSpan: TraceSpan = {
  context: undefined,
  set: () => undefined,
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
