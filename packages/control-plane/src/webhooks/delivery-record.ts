import {
  type DeliveryAttempt,
  type DeliveryState,
  type DeliveryView,
  deliveryStates,
  type MessageType,
  type WebhookFormat,
} from '@slipway/shared/contracts';
import type { TraceContext } from '@slipway/shared/tracing';
import {
  type Fields,
  numberField,
  objectField,
  optionalTimeField,
  schemaVersions,
  timeField,
  wordField,
} from '../records/index.js';

/** A new message to one endpoint or callback. */
export interface NewDelivery {
  /** `dlv_` and 32 letters and digits; the same for the same message and receiver. */
  readonly id: string;
  /** The `webhook-id`. */
  readonly messageId: string;
  readonly tenant: string;
  /** The lane, whose deliveries share concurrency and circuit: `endpoint:<id>`, or `callback:<…>`. */
  readonly lane: string;
  /** The endpoint; absent for a callback. */
  readonly endpointId?: string | undefined;
  readonly url: string;
  readonly type: MessageType;
  readonly job?: string | undefined;
  readonly batch?: string | undefined;
  readonly sequence: number;
  readonly format: WebhookFormat;
  /** The message as JSON: every attempt sends these bytes. */
  readonly body: string;
  /** The secret of a callback, if it has one. */
  readonly sealedSecret?: string | undefined;
  /** The context with which the secret is sealed. */
  readonly sealedFor?: string | undefined;
  readonly redeliveryOf?: string | undefined;
  /** The trace of the job or batch that the message reports. */
  readonly trace?: TraceContext | undefined;
  /** `failed` records the delivery without sending it, so that it can be recovered. */
  readonly state?: 'failed' | undefined;
  readonly reason?: string | undefined;
}

/** A delivery as stored in Redis. Times are milliseconds since the epoch. */
export interface DeliveryRecord extends Omit<NewDelivery, 'state'> {
  readonly state: DeliveryState;
  readonly createdAt: number;
  /** The time of the next attempt of a pending delivery. In the past while it waits for its turn or is in flight. */
  readonly dueAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly attempts: readonly DeliveryAttempt[];
}

/** The text fields of the hash that are set at creation. */
const fixed = {
  messageId: 'message_id',
  tenant: 'tenant',
  endpointId: 'endpoint',
  url: 'url',
  type: 'type',
  job: 'job',
  batch: 'batch',
  body: 'body',
  sealedSecret: 'sealed_secret',
  sealedFor: 'sealed_for',
  redeliveryOf: 'redelivery_of',
  trace: 'trace',
} as const satisfies Partial<Record<keyof NewDelivery, string>>;

/** Returns the lane of an endpoint. */
const laneOf = (endpointId: string | undefined) => `endpoint:${endpointId}`;

/** Returns the hash as field, value, … Omits fields that follow from others. */
export function deliveryFields(delivery: NewDelivery): string[] {
  const texts = Object.entries(fixed).flatMap(([name, field]) => {
    const value = delivery[name as keyof typeof fixed];
    return value === undefined ? [] : [field, value];
  });
  const { lane, sequence, endpointId } = delivery;
  return [
    ...texts,
    'schema',
    String(schemaVersions.delivery),
    'sequence',
    String(sequence),
    ...(lane === laneOf(endpointId) ? [] : ['lane', lane]),
    // Most deliveries have the standard format.
    ...(delivery.format.type === 'standard' ? [] : ['format', JSON.stringify(delivery.format)]),
  ];
}

/** Returns the record, or undefined when the hash is empty. Throws when the record cannot be read. */
export function parseDelivery(id: string, fields: Fields): DeliveryRecord | undefined {
  if (fields.state === undefined) return undefined;
  return {
    id,
    state: wordField(fields, 'state', deliveryStates),
    messageId: fields.message_id ?? '',
    tenant: fields.tenant ?? '',
    lane: fields.lane ?? laneOf(fields.endpoint),
    endpointId: fields.endpoint,
    url: fields.url ?? '',
    type: fields.type as MessageType,
    job: fields.job,
    batch: fields.batch,
    sequence: numberField(fields, 'sequence'),
    format: fields.format === undefined ? { type: 'standard' } : objectField<WebhookFormat>(fields, 'format'),
    body: fields.body ?? '',
    sealedSecret: fields.sealed_secret,
    sealedFor: fields.sealed_for,
    redeliveryOf: fields.redelivery_of,
    trace: fields.trace,
    reason: fields.reason,
    createdAt: timeField(fields, 'created_at'),
    dueAt: optionalTimeField(fields, 'due_at'),
    finishedAt: optionalTimeField(fields, 'finished_at'),
    attempts: attemptsOf(fields),
  };
}

/** The record of an attempt. The name of its field has the number. Times are milliseconds. */
export interface AttemptRecord {
  readonly at: number;
  readonly durationMs: number;
  readonly status?: number | undefined;
  readonly error?: string | undefined;
  readonly response?: string | undefined;
}

function attemptsOf(fields: Fields): DeliveryAttempt[] {
  const attempts: DeliveryAttempt[] = [];
  for (let number = 1; number <= Number(fields.attempts ?? 0); number++) {
    const text = fields[`attempt:${number}`];
    if (text === undefined) continue;
    const { at, durationMs, status, error, response } = JSON.parse(text) as AttemptRecord;
    attempts.push({
      number,
      at: iso(at),
      duration_ms: durationMs,
      ...(status !== undefined && { status }),
      ...(error !== undefined && { error }),
      ...(response !== undefined && { response }),
    });
  }
  return attempts;
}

const iso = (ms: number) => new Date(ms).toISOString();

/** Returns the delivery as the API shows it, without the secret of its callback. */
export function toDelivery(record: DeliveryRecord): DeliveryView {
  const { endpointId, job, batch, redeliveryOf, reason, dueAt, finishedAt } = record;
  return {
    id: record.id,
    state: record.state,
    ...(endpointId !== undefined && { webhook: endpointId }),
    url: record.url,
    type: record.type,
    message_id: record.messageId,
    ...(job !== undefined && { job }),
    ...(batch !== undefined && { batch }),
    ...(redeliveryOf !== undefined && { redelivery_of: redeliveryOf }),
    ...(reason !== undefined && { reason }),
    created_at: iso(record.createdAt),
    ...(dueAt !== undefined && { next_attempt_at: iso(dueAt) }),
    ...(finishedAt !== undefined && { finished_at: iso(finishedAt) }),
    attempts: [...record.attempts],
    request: record.body,
  };
}
