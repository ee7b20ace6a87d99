import type { TracingConfig } from '../config/index.js';
import type { Logger } from '../logger/index.js';
import type { Tracing } from './tracing.js';

export interface TracingOptions {
  /** Undefined where tracing is off: nothing of OpenTelemetry is loaded then. */
  readonly config: TracingConfig | undefined;
  /** The name of the service. */
  readonly service: string;
  /** Asked when there is something to say, so that it may be made later than this. */
  readonly logger: () => Logger;
  /** What the last spans may take to be exported at the end, in milliseconds. */
  readonly flushMs: number;
}

export interface TracingHandle {
  readonly tracing: Tracing;
  /** Exports what waits, as far as that is possible in `flushMs`. Never rejects. */
  close(): Promise<void>;
}
