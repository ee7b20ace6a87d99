import type { TracingHandle, TracingOptions } from './handle.js';
import { noTracing } from './tracing.js';

/** Opens tracing as configured. */
export async function openTracing(options: TracingOptions): Promise<TracingHandle> {
  const { config } = options;
  if (config === undefined) return { tracing: noTracing, close: async () => undefined };
  const { openTelemetry } = await import('./open-telemetry.js');
  return openTelemetry({ ...options, config });
}
