import type {
  DisabledReason,
  EndpointView,
  WebhookEventType,
  WebhookFormat,
} from '@slipway/shared/contracts';
import {
  type Fields,
  listField,
  numberField,
  objectField,
  optionalTimeField,
  timeField,
} from '../records/index.js';

/** An endpoint as stored in Redis. Times are milliseconds since the epoch. */
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
  /** Set when Slipway switched the endpoint off. */
  readonly disabled: { readonly reason: DisabledReason; readonly at: number } | undefined;
  /** The time of the first failure since the last success. */
  readonly failingSince: number | undefined;
  /** The time until which the previous secret signs too. */
  readonly rotatingUntil: number | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The secret, sealed with the id of the endpoint as context. */
  readonly sealedSecret: string;
  readonly previousSealedSecret: string | undefined;
}

/** Returns the record, or undefined when the hash is empty. Throws when the record cannot be read. */
export function parseEndpoint(id: string, fields: Fields): EndpointRecord | undefined {
  const { tenant, url, sealed_secret: sealedSecret, disabled_reason: reason } = fields;
  if (tenant === undefined || url === undefined || sealedSecret === undefined) return undefined;
  return {
    id,
    tenant,
    url,
    description: fields.description ?? '',
    events: listField<WebhookEventType>(fields, 'events'),
    labels: fields.labels === undefined ? {} : objectField<Record<string, string>>(fields, 'labels'),
    format: fields.format === undefined ? { type: 'standard' } : objectField<WebhookFormat>(fields, 'format'),
    max_in_flight: numberField(fields, 'max_in_flight'),
    enabled: fields.enabled === '1',
    disabled:
      reason === undefined
        ? undefined
        : { reason: reason as DisabledReason, at: timeField(fields, 'disabled_at') },
    failingSince: optionalTimeField(fields, 'failing_since'),
    rotatingUntil: optionalTimeField(fields, 'rotating_until'),
    createdAt: timeField(fields, 'created_at'),
    updatedAt: timeField(fields, 'updated_at'),
    sealedSecret,
    previousSealedSecret: fields.previous_sealed_secret,
  };
}

const iso = (ms: number) => new Date(ms).toISOString();

/** Returns the endpoint as the API shows it, without its secrets and without expiry times that have passed. Times are milliseconds. */
export function toEndpoint(
  record: EndpointRecord,
  options: { circuitOpenUntil?: number | undefined; now: number },
): EndpointView {
  const { circuitOpenUntil, now } = options;
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
