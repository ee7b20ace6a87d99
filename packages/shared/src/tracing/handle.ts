import type { TracingConfig } from '../config/index.js';
import type { Logger } from '../logger/index.js';
import type { Tracing } from './tracing.js';

export interface TracingOptions {
  /** Undefined when tracing is off. Then nothing of OpenTelemetry is loaded. */
  readonly config: TracingConfig | undefined;
  /** The name of the service. */
  readonly service: string;
  /** Returns the logger. Called only when there is something to log, so it may be created later. */
  readonly logger: () => Logger;
  /** Milliseconds that the export of the last spans may take at the end. */
  readonly flushMs: number;
}

export interface TracingHandle {
  readonly tracing: Tracing;
  /** Exports waiting spans, as far as `flushMs` allows. Never rejects. */
  close(): Promise<void>;
}
