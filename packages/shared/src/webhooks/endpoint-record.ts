import type { DisabledReason, EndpointView, WebhookEventType, WebhookFormat } from '../contracts/index.js';

/** An endpoint as it stands in Redis, read but not yet shown. Times are milliseconds since the epoch. */
export interface EndpointRecord {
  readonly id: string;
  readonly tenant: string;
  readonly url: string;
  readonly description: string;
  readonly events: readonly WebhookEventType[];
  readonly labels: Readonly<Record<string, string>>;
  readonly format: WebhookFormat;
  readonly max_in_flight: number;
  readonly enabled: boolean;
  /** Set when it was Slipway that switched it off. */
  readonly disabled: { readonly reason: DisabledReason; readonly at: number } | undefined;
  /** When the first delivery failed since one last arrived. */
  readonly failingSince: number | undefined;
  /** Until then the previous secret signs too. */
  readonly rotatingUntil: number | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Sealed with the endpoint's id. */
  readonly sealedSecret: string;
  readonly previousSealedSecret: string | undefined;
}

const optionalNumber = (text: string | undefined) => (text === undefined ? undefined : Number(text));

/** Reads the fields of the hash; undefined when there is no such endpoint. */
export function parseEndpoint(
  id: string,
  fields: Readonly<Record<string, string>>,
): EndpointRecord | undefined {
  const { tenant, url, sealed_secret: sealedSecret, disabled_reason: reason } = fields;
  if (tenant === undefined || url === undefined || sealedSecret === undefined) return undefined;
  return {
    id,
    tenant,
    url,
    description: fields.description ?? '',
    events: JSON.parse(fields.events ?? '[]') as WebhookEventType[],
    labels: JSON.parse(fields.labels ?? '{}') as Record<string, string>,
    format: JSON.parse(fields.format ?? '{"type":"standard"}') as WebhookFormat,
    max_in_flight: Number(fields.max_in_flight),
    enabled: fields.enabled === '1',
    disabled:
      reason === undefined ? undefined : { reason: reason as DisabledReason, at: Number(fields.disabled_at) },
    failingSince: optionalNumber(fields.failing_since),
    rotatingUntil: optionalNumber(fields.rotating_until),
    createdAt: Number(fields.created_at),
    updatedAt: Number(fields.updated_at),
    sealedSecret,
    previousSealedSecret: fields.previous_sealed_secret,
  };
}

const iso = (ms: number) => new Date(ms).toISOString();

/** The endpoint as the API shows it, without its secrets. Times in milliseconds; those that have passed are left out. */
export function toEndpoint(
  record: EndpointRecord,
  options: { circuitOpenUntil?: number | undefined; now?: number } = {},
): EndpointView {
  const { circuitOpenUntil, now = Date.now() } = options;
  const { disabled, failingSince, rotatingUntil } = record;
  return {
    id: record.id,
    url: record.url,
    description: record.description,
    events: [...record.events],
    labels: { ...record.labels },
    format: record.format,
    max_in_flight: record.max_in_flight,
    enabled: record.enabled,
    ...(disabled && { disabled: { reason: disabled.reason, at: iso(disabled.at) } }),
    ...(failingSince !== undefined && { failing_since: iso(failingSince) }),
    ...(circuitOpenUntil !== undefined &&
      circuitOpenUntil > now && { circuit_open_until: iso(circuitOpenUntil) }),
    ...(rotatingUntil !== undefined && rotatingUntil > now && { rotating_until: iso(rotatingUntil) }),
    created_at: iso(record.createdAt),
    updated_at: iso(record.updatedAt),
  };
}
