import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { Logger } from '../logger/index.js';

interface ReportingExporterOptions {
  readonly exporter: SpanExporter;
  readonly logger: () => Logger;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

type ExportResult = Parameters<Parameters<SpanExporter['export']>[1]>[0];

const succeeded = 0;
const reportEveryMs = 60_000;

/** Logs failed exports of spans, once a minute, with the number of lost spans since the last log. */
export class ReportingExporter implements SpanExporter {
  readonly #options: ReportingExporterOptions;
  #lost = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ReportingExporterOptions) {
    this.#options = options;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#options.exporter.export(spans, (result) => {
      if (result.code !== succeeded) this.#report(spans.length, result.error);
      // The failure is handled here. The SDK would only report it again in its own way.
      done({ code: succeeded });
    });
  }

  async forceFlush(): Promise<void> {
    await this.#options.exporter.forceFlush?.();
  }

  async shutdown(): Promise<void> {
    await this.#options.exporter.shutdown();
  }

  #report(spans: number, error: Error | undefined): void {
    const { logger, now } = this.#options;
    this.#lost += spans;
    if (now() - this.#reportedAt < reportEveryMs) return;
    this.#reportedAt = now();
    logger().warn({ lost: this.#lost, error: error?.message }, 'spans could not be exported');
    this.#lost = 0;
  }
}
