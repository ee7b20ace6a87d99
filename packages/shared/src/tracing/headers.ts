import type { TraceContext } from './tracing.js';

/** Returns the headers that carry a request's trace (W3C Trace Context); none without a context. */
export function traceHeaders(context: TraceContext | undefined): Record<string, string> {
  if (context === undefined) return {};
  const at = context.indexOf(' ');
  if (at < 0) return { traceparent: context };
  return { traceparent: context.slice(0, at), tracestate: context.slice(at + 1) };
}

/** Returns the trace id of a valid context: 32 hexadecimal digits (`version-traceid-parentid-flags`). */
export function traceIdOf(context: TraceContext): string {
  return context.split('-', 2)[1] ?? '';
}

/** Returns the trace context of a request, not validated yet. */
export function traceContextOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): TraceContext | undefined {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== 'string') return undefined;
  return typeof tracestate === 'string' ? `${traceparent} ${tracestate}` : traceparent;
}
