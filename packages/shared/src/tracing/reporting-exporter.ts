import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { Logger } from '../logger/index.js';

interface ReportingExporterOptions {
  readonly exporter: SpanExporter;
  readonly logger: () => Logger;
  /** Milliseconds of a clock that does not jump. */
  readonly now: () => number;
}

type ExportResult = Parameters<Parameters<SpanExporter['export']>[1]>[0];

const succeeded = 0;
const reportEveryMs = 60_000;

/** Says in the log that spans could not be exported, once a minute, and how many were lost since the last time. */
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
      // It has been dealt with: the SDK would only report it once more, by ways of its own.
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
