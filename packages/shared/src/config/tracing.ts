import type { Fields } from './fields.js';
import { Secret } from './secret.js';

const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** The exporter and sampler of traces, set by the variables of the OpenTelemetry specification. */
export interface TracingConfig {
  /** Undefined means the service's own name. */
  readonly serviceName: string | undefined;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  /** The URL that spans are posted to. */
  readonly url: string;
  readonly protocol: 'http/protobuf' | 'http/json';
  readonly headers: ReadonlyMap<string, Secret>;
  /** Milliseconds that one export request may take. */
  readonly timeoutMs: number;
  readonly sampler: (typeof samplers)[number];
  /** The share of new traces to record, for the ratio samplers. */
  readonly ratio: number;
  /** Spans that may wait for export; further spans are dropped. */
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
  /** Milliseconds that a span waits at most for others before it is exported. */
  readonly scheduleDelayMs: number;
}

const defaultEndpoint = 'http://localhost:4318';

/**
 * Returns undefined (tracing is off) unless an endpoint or an exporter is set. Then it reads no other variable, so that values
 * meant for other services of a machine cannot stop the start.
 */
export function tracingConfig(fields: Fields): TracingConfig | undefined {
  const exporter = fields.optional('OTEL_TRACES_EXPORTER');
  const own = fields.optional('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const common = fields.optional('OTEL_EXPORTER_OTLP_ENDPOINT');
  if (fields.optional('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || exporter === 'none') return undefined;
  if (exporter === undefined && own === undefined && common === undefined) return undefined;
  fields.oneOf('OTEL_TRACES_EXPORTER', { values: ['otlp'], default: 'otlp' });
  return {
    serviceName: fields.optional('OTEL_SERVICE_NAME'),
    resourceAttributes: Object.fromEntries(
      fields.optionalParsed('OTEL_RESOURCE_ATTRIBUTES', { parse: parsePairs }) ?? [],
    ),
    url:
      own === undefined
        ? (fields.parsed('OTEL_EXPORTER_OTLP_ENDPOINT', {
            parse: signalUrl,
            default: defaultEndpoint,
          }) ?? '')
        : (fields.parsed('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', {
            parse: (raw) => httpUrl(raw).href,
          }) ?? ''),
    protocol: fields.oneOf(
      either(fields, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'),
      { values: ['http/protobuf', 'http/json'], default: 'http/protobuf' },
    ),
    headers: headersOf(fields),
    timeoutMs: fields.int(either(fields, 'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT'), {
      default: 10_000,
      min: 1,
    }),
    sampler: fields.oneOf('OTEL_TRACES_SAMPLER', { values: samplers, default: 'parentbased_always_on' }),
    ratio: fields.optionalParsed('OTEL_TRACES_SAMPLER_ARG', { parse: parseRatio }) ?? 1,
    maxQueueSize: fields.int('OTEL_BSP_MAX_QUEUE_SIZE', { default: 8_192, min: 1, max: 1_000_000 }),
    maxExportBatchSize: fields.int('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', { default: 512, min: 1 }),
    scheduleDelayMs: fields.int('OTEL_BSP_SCHEDULE_DELAY', { default: 1_000, min: 1 }),
  };
}

const either = (fields: Fields, own: string, common: string) =>
  fields.optional(own) === undefined ? common : own;

function headersOf(fields: Fields): ReadonlyMap<string, Secret> {
  const own = fields.parsedSecret('OTEL_EXPORTER_OTLP_TRACES_HEADERS', { parse: parseHeaders });
  return own ?? fields.parsedSecret('OTEL_EXPORTER_OTLP_HEADERS', { parse: parseHeaders }) ?? new Map();
}

function httpUrl(raw: string): URL {
  if (!/^https?:/i.test(raw) || !URL.canParse(raw)) throw new Error('must be an http or https URL');
  return new URL(raw);
}

/** Returns the traces URL for an endpoint of all signals, as the specification says. */
function signalUrl(raw: string): string {
  const url = httpUrl(raw);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return url.href;
}

function parseRatio(raw: string): number {
  const ratio = Number(raw);
  if (!(ratio >= 0 && ratio <= 1)) throw new Error(`must be a number from 0 to 1, not '${raw}'`);
  return ratio;
}

function parseHeaders(text: string): ReadonlyMap<string, Secret> {
  const pairs = parsePairs(text);
  if (!pairs.every(([name, value]) => /^[\w!#$%&'*+.^`|~-]+$/.test(name) && !/[\r\n\0]/.test(value))) {
    throw new Error('must be headers: name=value,name=value');
  }
  return new Map(pairs.map(([name, value]) => [name, new Secret(value)]));
}

/** Parses `name=value,…` with URL-encoded values, the format of W3C Baggage. Errors quote nothing. */
function parsePairs(text: string): [string, string][] {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  return items.map((item) => {
    const at = item.indexOf('=');
    if (at < 1) throw new Error('must be pairs: name=value,name=value');
    try {
      return [item.slice(0, at).trim(), decodeURIComponent(item.slice(at + 1).trim())];
    } catch {
      throw new Error('holds a value with an invalid percent encoding');
    }
  });
}
