import { randomUUID } from 'node:crypto';
import type {
  AttemptRecord,
  DeliveryRecord,
  DeliveryStore,
  EndpointStore,
} from '@slipway/control-plane/webhooks';
import { Secret } from '@slipway/shared/config';
import {
  type DisabledReason,
  type FormatRequest,
  type Message,
  webhookFormat,
} from '@slipway/shared/contracts';
import { errorCodes, errorRow } from '@slipway/shared/errors';
import type { Logger } from '@slipway/shared/logger';
import { type SealingKey, signWebhook, unseal } from '@slipway/shared/signing';
import { noTracing, type TraceSpan, type Tracing, traceHeaders } from '@slipway/shared/tracing';
import type { Dispatcher } from 'undici';
import type { DeliveryOutcome, WorkerMetrics } from '../metrics.js';
import { type NextStep, nextStep } from './next-step.js';
import { type SendOutcome, send } from './send.js';
import type { WebhookTokens } from './tokens.js';

interface DeliveryAttemptsOptions {
  readonly deliveries: Pick<DeliveryStore, 'begin' | 'end' | 'list'>;
  readonly endpoints: Pick<EndpointStore, 'get' | 'secrets'>;
  /** Opens the secrets of callbacks. */
  readonly sealingKey: SealingKey;
  /** Sign messages to callbacks without a secret. */
  readonly defaultSecrets: readonly Secret[];
  readonly tokens: WebhookTokens;
  readonly publicUrl: string | undefined;
  /** Milliseconds before each of the attempts after the first. */
  readonly retryDelaysMs: readonly number[];
  readonly tracing?: Tracing;
  /** Sends trace headers to receivers of the standard format. */
  readonly sendTraceContext?: boolean | undefined;
  readonly dispatcher: Dispatcher;
  readonly metrics: Pick<WorkerMetrics, 'deliveries' | 'delivered' | 'endpointsDisabled'>;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly random: () => number;
}

/** Limit of a request with its answer. */
const timeoutMs = 15_000;
/** Milliseconds for which a delivery belongs to one worker. If that worker dies, the delivery waits as long. */
const leaseMs = timeoutMs + 5_000;
/** Concurrent requests of one tenant's callbacks to one host. */
const callbackMaxInFlight = 10;
/** Limit of deliveries of one job among which to look for a later message. */
const maxDeliveriesOfJob = 100;

/** The next step of a delivery: a request, or its end without one. */
type Plan =
  | { readonly kind: 'request'; readonly request: FormatRequest; readonly secrets: readonly Secret[] }
  | End;
interface End {
  readonly kind: 'failed' | 'canceled';
  readonly reason: string;
  readonly disable?: undefined;
}

interface Report {
  readonly record: DeliveryRecord;
  readonly attempt: number;
  readonly durationMs: number;
  /** Undefined if no request was made. */
  readonly outcome: SendOutcome | undefined;
  readonly step: NextStep | End;
  readonly stale: boolean;
  readonly disabled?: DisabledReason | undefined;
}

/**
 * Runs attempts of deliveries. An attempt begins (which takes a place in the lane of its endpoint), is sent once, and ends as
 * `nextStep` decides. If the worker dies in between, its lease expires and the delivery is sent again, under the same `webhook-id`.
 */
export class DeliveryAttempts {
  readonly #options: DeliveryAttemptsOptions;

  constructor(options: DeliveryAttemptsOptions) {
    this.#options = options;
  }

  /** Runs an attempt of a delivery. Does nothing if its lane has no room, or if another worker has the delivery. */
  async run(id: string): Promise<void> {
    const { deliveries, tracing = noTracing } = this.#options;
    const token = randomUUID();
    const begun = await deliveries.begin(id, { token, leaseMs, maxInFlight: callbackMaxInFlight });
    if (begun.outcome !== 'begun') return;
    const { trace } = begun.record;
    const options = { name: 'deliver webhook', kind: 'client', parent: trace } as const;
    const span = (trace === undefined ? noTracing : tracing).start(options);
    try {
      await span.during(() => this.#attempt(begun, token, span));
    } finally {
      span.end();
    }
  }

  async #attempt(
    { record, attempt }: { readonly record: DeliveryRecord; readonly attempt: number },
    token: string,
    span: TraceSpan,
  ): Promise<void> {
    const { deliveries, now } = this.#options;
    const { id } = record;
    const at = now();
    const startedAt = performance.now();
    const plan = await this.#plan(record);
    const outcome = plan.kind === 'request' ? await this.#request(record, plan, span) : undefined;
    const durationMs = Math.round(performance.now() - startedAt);
    const step = outcome === undefined ? (plan as End) : this.#next(record, attempt, outcome);
    const { stale, disabled } = await deliveries.end(id, token, {
      ...(outcome && { attempt: attemptOf({ at, durationMs, outcome }) }),
      verdict: step,
      disable: step.kind === 'failed' ? step.disable : undefined,
    });
    this.#report({ record, attempt, durationMs, outcome, step, stale, disabled });
    describe(span, { record, attempt, durationMs, outcome, step, stale });
  }

  #next({ format }: DeliveryRecord, attempt: number, outcome: SendOutcome): NextStep {
    const { now, random, retryDelaysMs: delaysMs } = this.#options;
    return nextStep({ delaysMs, attempt, outcome, format: format.type, now: now(), random });
  }

  async #plan(record: DeliveryRecord): Promise<Plan> {
    const { endpoints, tokens, publicUrl, logger } = this.#options;
    const { tenant, endpointId, url, format, body, messageId } = record;
    const endpoint = endpointId === undefined ? undefined : await endpoints.get(tenant, endpointId);
    if (endpointId !== undefined && !endpoint) return { kind: 'canceled', reason: 'webhook_deleted' };
    const definition = webhookFormat(format.type);
    if (definition.setsCommitStatus && (await this.#overtaken(record)))
      return { kind: 'canceled', reason: 'stale' };
    const message = JSON.parse(body) as Message;
    const token = (name: string) => tokens.find({ tenant, name, url });
    const request = definition.request({
      format,
      url,
      message,
      body,
      messageId,
      publicUrl,
      token,
      isUserFault,
    });
    if ('skip' in request) return { kind: 'canceled', reason: request.skip };
    if ('fail' in request) return { kind: 'failed', reason: `${request.fail}: ${request.detail}` };
    try {
      const secrets = endpoint ? endpoints.secrets(endpoint) : this.#callbackSecrets(record);
      return { kind: 'request', request, secrets };
    } catch (error) {
      // It is sealed with another payload secret than this worker's. A retry does not change that.
      logger.error({ err: error, delivery_id: record.id }, 'the secret of a webhook cannot be opened');
      return { kind: 'failed', reason: 'secret_unreadable' };
    }
  }

  #callbackSecrets({ sealedSecret, sealedFor }: DeliveryRecord): readonly Secret[] {
    const { sealingKey, defaultSecrets } = this.#options;
    if (sealedSecret === undefined) return defaultSecrets;
    return [new Secret(unseal(sealingKey, sealedSecret, sealedFor ?? ''))];
  }

  /** Returns true if a later message about the same job is in progress to the endpoint, or has arrived there. */
  async #overtaken({ tenant, endpointId, job, sequence }: DeliveryRecord): Promise<boolean> {
    if (job === undefined) return false;
    const { records } = await this.#options.deliveries.list({ tenant, job, limit: maxDeliveriesOfJob });
    return records.some(
      (other) =>
        other.endpointId === endpointId &&
        other.sequence > sequence &&
        (other.state === 'pending' || other.state === 'delivered'),
    );
  }

  async #request(
    record: DeliveryRecord,
    plan: Plan & { kind: 'request' },
    span: TraceSpan,
  ): Promise<SendOutcome> {
    const { dispatcher, now, sendTraceContext = false } = this.#options;
    const { request, secrets } = plan;
    const { url, body, token } = request;
    const at = new Date(now());
    const isSigned = webhookFormat(record.format.type).target === 'receiver';
    const signature = isSigned ? signWebhook({ secrets, id: record.messageId, at, body }) : {};
    const trace = sendTraceContext && record.format.type === 'standard' ? traceHeaders(span.context) : {};
    const headers = { ...request.headers, ...signature, ...trace };
    const signal = AbortSignal.timeout(timeoutMs);
    return await send({ request: { url, headers, body, token }, dispatcher, signal });
  }

  #report(attempt: Report): void {
    const { metrics, logger, now } = this.#options;
    const { record, outcome, step } = attempt;
    const counted = attempt.stale ? 'stale' : countedAs(step);
    metrics.deliveries.inc({ outcome: counted });
    if (counted === 'delivered') metrics.delivered((now() - record.createdAt) / 1_000);
    if (attempt.disabled !== undefined) metrics.endpointsDisabled.inc({ reason: attempt.disabled });
    const fields = {
      delivery_id: record.id,
      webhook_id: record.messageId,
      type: record.type,
      format: record.format.type,
      tenant: record.tenant,
      ...(record.endpointId !== undefined && { webhook: record.endpointId }),
      ...(record.job !== undefined && { job_id: record.job }),
      ...(record.batch !== undefined && { batch_id: record.batch }),
      host: new URL(record.url).host,
      attempt: attempt.attempt,
      outcome: counted,
      ...('reason' in step && { reason: step.reason }),
      ...(outcome?.status !== undefined && { status: outcome.status }),
      ...(outcome?.error !== undefined && { error: outcome.error }),
      ...(step.kind === 'retry' && { retry_at: new Date(step.at).toISOString() }),
      ...(attempt.disabled !== undefined && { disabled: attempt.disabled }),
      bytes: Buffer.byteLength(record.body),
      duration_ms: attempt.durationMs,
    };
    logger.info(fields, step.kind === 'delivered' ? 'webhook delivered' : 'webhook not delivered');
  }
}

function isUserFault(code: string): boolean {
  const known = errorCodes.find((each) => each === code);
  return known !== undefined && errorRow(known).fault === 'user';
}

/** Sets the attributes of a span. They have the host alone, because paths and queries may hold secrets of the receiver. */
function describe(span: TraceSpan, { record, attempt, outcome, step, stale }: Report): void {
  const { hostname, port, protocol } = new URL(record.url);
  const counted = stale ? 'stale' : countedAs(step);
  span.set({
    'http.request.method': 'POST',
    'http.request.resend_count': attempt > 1 ? attempt - 1 : undefined,
    'http.response.status_code': outcome?.status,
    'server.address': hostname,
    'server.port': port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    'slipway.delivery.id': record.id,
    'slipway.delivery.outcome': counted,
    'slipway.event': record.type,
    'slipway.webhook.id': record.endpointId,
    'slipway.job.id': record.job,
    'slipway.batch.id': record.batch,
  });
  if (counted === 'delivered' || counted === 'canceled') return;
  span.fail(outcome?.error ?? (outcome?.status === undefined ? counted : String(outcome.status)));
}

interface AttemptMade {
  readonly at: number;
  readonly durationMs: number;
  readonly outcome: SendOutcome;
}

function attemptOf({ at, durationMs, outcome }: AttemptMade): AttemptRecord {
  const { status, error, response } = outcome;
  return status === undefined ? { at, durationMs, error } : { at, durationMs, status, response };
}

function countedAs(step: NextStep | End): DeliveryOutcome {
  switch (step.kind) {
    case 'delivered':
    case 'canceled':
      return step.kind;
    case 'retry':
      return 'failed';
    case 'failed':
      return finalOutcomes[step.reason] ?? 'rejected';
  }
}

const finalOutcomes: Readonly<Record<string, DeliveryOutcome>> = {
  gone: 'gone',
  exhausted: 'exhausted',
  egress_denied: 'refused',
};
