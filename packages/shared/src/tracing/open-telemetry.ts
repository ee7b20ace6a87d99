import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { TracingConfig } from '../config/index.js';
import type { TracingHandle, TracingOptions } from './handle.js';
import { ReportingExporter } from './reporting-exporter.js';
import { ChosenIds, SpanTracing } from './span-tracing.js';

type OpenOptions = TracingOptions & { readonly config: TracingConfig };

/** Opens tracing through the OpenTelemetry SDK. It passes everything to the SDK here, and makes nothing global. */
export function openTelemetry({ config, service, logger, flushMs }: OpenOptions): TracingHandle {
  const exporter = new ReportingExporter({
    exporter: exporterOf(config),
    logger,
    now: () => performance.now(),
  });
  const processor = new BatchSpanProcessor({
    exporter,
    maxQueueSize: config.maxQueueSize,
    maxExportBatchSize: Math.min(config.maxExportBatchSize, config.maxQueueSize),
    scheduledDelayMillis: config.scheduleDelayMs,
    // The exporter has its own timeout.
    exportTimeoutMillis: config.timeoutMs + 1_000,
  });
  const ids = new ChosenIds();
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        'service.instance.id': randomUUID(),
        'process.pid': process.pid,
        ...config.resourceAttributes,
        'service.name':
          config.serviceName ?? config.resourceAttributes['service.name'] ?? `slipway-${service}`,
      }),
    ),
    sampler: samplerOf(config),
    idGenerator: ids,
    spanLimits: { attributeValueLengthLimit: maxValueLength },
    spanProcessors: [processor],
  });
  return {
    tracing: new SpanTracing({ tracer: provider.getTracer('slipway'), ids }),
    async close() {
      const done = new AbortController();
      const closed = provider.shutdown().catch((error: unknown) => {
        logger().warn({ err: error }, 'the last spans were not exported');
      });
      const late = sleep(flushMs, undefined, { signal: done.signal, ref: false }).catch(() => undefined);
      await Promise.race([closed, late]);
      done.abort();
    },
  };
}

const maxValueLength = 1_024;

function exporterOf({ protocol, url, headers, timeoutMs }: TracingConfig): SpanExporter {
  const options = {
    url,
    headers: Object.fromEntries([...headers].map(([name, value]) => [name, value.reveal()])),
    timeoutMillis: timeoutMs,
  };
  return protocol === 'http/json' ? new JsonExporter(options) : new ProtobufExporter(options);
}

function samplerOf({ sampler, ratio }: TracingConfig): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio);
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
    default:
      return sampler satisfies never;
  }
}
