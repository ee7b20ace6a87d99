export { traceContextOf, traceHeaders, traceIdOf } from './headers.js';
export { openTracing } from './open.js';
export {
  type Attributes,
  noTracing,
  type SpanOptions,
  type TraceContext,
  type TraceSpan,
  type Tracing,
} from './tracing.js';
