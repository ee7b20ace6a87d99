import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLogger, type Logger } from '@slipway/shared/logger';
import { openTracing, type Tracing } from '@slipway/shared/tracing';
import { loadConfig } from '../config.js';

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** '' for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  /** The code that it failed with. */
  readonly error: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Traces and a log as a worker process has them, kept in memory. */
export interface Traced {
  readonly tracing: Tracing;
  readonly logger: Logger;
  readonly lines: readonly Record<string, unknown>[];
  /** Ends the traces; all spans that were exported. */
  close(): Promise<Span[]>;
}

interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
  readonly status: { readonly code: number };
}

export async function startTraced(): Promise<Traced> {
  const spans: Span[] = [];
  const lines: Record<string, unknown>[] = [];
  const server = createServer(async (req, res) => {
    const { resourceSpans } = JSON.parse(Buffer.concat(await req.toArray()).toString());
    for (const span of resourceSpans[0].scopeSpans[0].spans as JsonSpan[]) spans.push(read(span));
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { tracing: config } = loadConfig({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    ...{ BLOB_STORE: 'file:///tmp', PAYLOAD_SECRET: 'x', BUILDERS: 'http://127.0.0.1:1' },
  });
  const silent = () => createLogger({ name: 'test', level: 'silent' });
  const { tracing, close } = await openTracing({ config, service: 'worker', logger: silent, flushMs: 5_000 });
  const logger = createLogger({
    ...{ name: 'worker', level: 'debug', fields: () => tracing.logFields() },
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  return {
    tracing,
    logger,
    lines,
    async close() {
      await close();
      server.close();
      server.closeAllConnections();
      return spans;
    },
  };
}

function read({ traceId, spanId, parentSpanId = '', name, attributes, status }: JsonSpan): Span {
  const values = Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
  const error = status.code === 2 ? String(values['error.type']) : undefined;
  return { traceId, spanId, parentSpanId, name, error, attributes: values };
}

/** Each span as `root > … > span`, with the code that it failed with. */
export function pathsOf(spans: readonly Span[]): string[] {
  const path = ({ name, error, parentSpanId }: Span): string => {
    const parent = spans.find(({ spanId }) => spanId === parentSpanId);
    const own = error === undefined ? name : `${name} (${error})`;
    return parent ? `${path(parent)} > ${own}` : own;
  };
  return spans.map(path).sort();
}
