import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An exported span; see opentelemetry-proto's trace.proto. */
export interface ExportedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  /** '' for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly failed: boolean;
  readonly linkedTraces: readonly string[];
  readonly events: readonly {
    readonly name: string;
    readonly attributes: Readonly<Record<string, unknown>>;
  }[];
  readonly startNs: bigint;
  readonly endNs: bigint;
}

export interface Collector {
  /** The environment that makes a service export to this collector. */
  readonly env: Readonly<Record<string, string>>;
  /** All spans received so far. */
  readonly spans: readonly ExportedSpan[];
  trace(traceId: string): ExportedSpan[];
  close(): void;
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly status?: { readonly code?: number };
  readonly links?: readonly { readonly traceId: string }[];
  readonly events?: readonly { readonly name: string; readonly attributes?: readonly KeyValue[] }[];
}
interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly JsonSpan[] }[];
  }[];
}

const errorStatus = 2;

/** A receiver of OTLP/HTTP in JSON, on 127.0.0.1. */
export async function startCollector(): Promise<Collector> {
  const spans: ExportedSpan[] = [];
  const server = createServer(async (req, res) => {
    const body = Buffer.concat(await req.toArray()).toString('utf8');
    if (req.url !== '/v1/traces' || req.headers['x-tenant'] !== 'e2e') {
      res.writeHead(404).end();
      return;
    }
    spans.push(...read(JSON.parse(body) as ExportRequest));
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=e2e',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    },
    spans,
    trace: (traceId) => spans.filter((span) => span.traceId === traceId),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

const valuesOf = (pairs: readonly KeyValue[]) =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]]));

function read({ resourceSpans }: ExportRequest): ExportedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap((scope) =>
      scope.spans.map((span) => ({
        service: String(valuesOf(resource.attributes)['service.name']),
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        name: span.name,
        kind: span.kind,
        attributes: valuesOf(span.attributes),
        failed: span.status?.code === errorStatus,
        linkedTraces: (span.links ?? []).map(({ traceId }) => traceId),
        events: (span.events ?? []).map(({ name, attributes = [] }) => ({
          name,
          attributes: valuesOf(attributes),
        })),
        startNs: BigInt(span.startTimeUnixNano),
        endNs: BigInt(span.endTimeUnixNano),
      })),
    ),
  );
}

/** Returns the spans whose parent is not among `spans`. */
export function rootsOf(spans: readonly ExportedSpan[]): ExportedSpan[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans.filter(({ parentSpanId }) => !ids.has(parentSpanId));
}

/** Returns the path from the root to the span: `service name > service name`. */
export function pathOf(span: ExportedSpan, spans: readonly ExportedSpan[]): string {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  const own = `${span.service.replace('slipway-', '')} ${span.name}`;
  return parent ? `${pathOf(parent, spans)} > ${own}` : own;
}
