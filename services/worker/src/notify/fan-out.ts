import { createHash } from 'node:crypto';
import type { BatchStore, JobRecord, JobStore } from '@slipway/control-plane/jobs';
import { replicaId } from '@slipway/control-plane/replicas';
import type { EndpointRecord, NewDelivery } from '@slipway/control-plane/webhooks';
import {
  type BaseImageEvent,
  type BatchEvent,
  type BuilderEvent,
  isTerminal,
  type JobEvent,
  type Message,
  type StreamEvent,
  type WebhookEvent,
  type WebhookEventType,
  webhookFormat,
} from '@slipway/shared/contracts';
import type { TraceContext } from '@slipway/shared/tracing';
import {
  baseImageMessage,
  batchMessage,
  builderMessage,
  disabledMessage,
  type Href,
  hasMessage,
  jobMessage,
} from './message.js';

export interface FanOutDeps {
  readonly store: Pick<JobStore, 'getOutline' | 'list'>;
  readonly batches: Pick<BatchStore, 'get'>;
  readonly href: Href;
}

/** The tenant that receives events about replicas, which belong to the installation. */
const installationTenant = 'default';
/** Failed jobs of a batch that are read for its message. */
const maxFailures = 50;

/** A message with its receivers. */
interface Announcement {
  readonly message: Message;
  /** The `webhook-id`: one per event, equal for all receivers. */
  readonly messageId: string;
  readonly tenant: string;
  readonly endpoints: readonly EndpointRecord[];
  readonly callback?: { readonly url: string; readonly sealedSecret: string | undefined } | undefined;
  readonly job?: string;
  readonly batch?: string | undefined;
  /** The trace of the job or batch. */
  readonly trace?: TraceContext | undefined;
}

/** Returns the deliveries of an event to these endpoints and to callbacks. The same event always has the same deliveries with the same ids. */
export async function deliveriesOf(
  event: StreamEvent,
  endpoints: readonly EndpointRecord[],
  deps: FanOutDeps,
): Promise<NewDelivery[]> {
  const announcement = await announcementOf(event, endpoints, deps);
  return announcement === undefined ? [] : fanOut(announcement);
}

function announcementOf(
  event: StreamEvent,
  endpoints: readonly EndpointRecord[],
  deps: FanOutDeps,
): Promise<Announcement | undefined> | Announcement | undefined {
  switch (event.kind) {
    case 'job':
      return aboutJob(event, endpoints, deps);
    case 'batch':
      return aboutBatch(event, endpoints, deps);
    case 'builder':
      return aboutBuilder(event, endpoints, deps);
    case 'webhook':
      return aboutEndpoint(event, endpoints, deps);
    case 'base_image':
      return aboutBaseImage(event, endpoints, deps);
  }
}

/** Reads the record only if a subscriber may want the event. Events go out for a whole job, never for its parts. */
async function aboutJob(
  event: JobEvent,
  endpoints: readonly EndpointRecord[],
  { store, href }: FanOutDeps,
): Promise<Announcement | undefined> {
  const { type, jobId, version, state, callback: mayHaveCallback = true } = event;
  if (!hasMessage(type)) return undefined;
  const subscribed = endpoints.filter(({ events }) => events.includes(type));
  if (subscribed.length === 0 && !(isTerminal(state) && mayHaveCallback)) return undefined;
  const record = await store.getOutline(jobId);
  if (!record || record.partOf !== undefined) return undefined;
  const { tenant, spec, batch, sealedCallbackSecret } = record;
  const interested = subscribed.filter((endpoint) => isFor(endpoint, tenant, spec.labels));
  const callback =
    isTerminal(state) && spec.callback && isWanted(record, spec.callback.unless_digest)
      ? { url: spec.callback.url, sealedSecret: sealedCallbackSecret }
      : undefined;
  if (interested.length === 0 && !callback) return undefined;
  return {
    message: jobMessage({ record, event, href }),
    messageId: `msg_${jobId}_${version}`,
    tenant,
    endpoints: interested,
    callback,
    job: jobId,
    batch,
    trace: record.trace,
  };
}

/** Returns whether a callback wants the end of a job. `unless`: the digest of an image that it has already, empty for an unknown one. */
function isWanted({ state, result }: JobRecord, unless: string | undefined): boolean {
  if (unless === undefined) return true;
  return state === 'succeeded' && (result?.digest === undefined || result.digest !== unless);
}

/** Skips batches that were never accepted. */
async function aboutBatch(
  { batchId, type }: BatchEvent,
  endpoints: readonly EndpointRecord[],
  { store, batches, href }: FanOutDeps,
): Promise<Announcement | undefined> {
  const record = await batches.get(batchId);
  if (!record?.committed) return undefined;
  const { tenant, labels, callbackUrl, sealedCallbackSecret } = record;
  const interested = endpoints.filter(
    (endpoint) => endpoint.events.includes(type) && isFor(endpoint, tenant, labels),
  );
  if (interested.length === 0 && callbackUrl === undefined) return undefined;
  const failed = await store.list({ tenant, batch: batchId, state: 'failed', limit: maxFailures });
  const message = batchMessage({ record, failed: failed.records, href });
  return (
    message && {
      message,
      messageId: `msg_${batchId}`,
      tenant,
      endpoints: interested,
      callback:
        callbackUrl === undefined ? undefined : { url: callbackUrl, sealedSecret: sealedCallbackSecret },
      batch: batchId,
      trace: record.trace,
    }
  );
}

function aboutBuilder(
  event: BuilderEvent,
  endpoints: readonly EndpointRecord[],
  { href }: FanOutDeps,
): Announcement {
  return {
    message: builderMessage({ event, href }),
    messageId: `msg_${replicaId(event.replica)}_${safe(event.position)}`,
    tenant: installationTenant,
    endpoints: subscribers(endpoints, event.type, installationTenant),
  };
}

/** Selects the tenant's other endpoints, or none if this endpoint was deleted since. */
function aboutEndpoint(
  event: WebhookEvent,
  endpoints: readonly EndpointRecord[],
  { href }: FanOutDeps,
): Announcement | undefined {
  const { endpointId, tenant, type, position } = event;
  const disabled = endpoints.find(({ id }) => id === endpointId);
  return (
    disabled && {
      message: disabledMessage({ event, endpointUrl: disabled.url, href }),
      messageId: `msg_${endpointId}_${safe(position)}`,
      tenant,
      endpoints: subscribers(endpoints, type, tenant).filter(({ id }) => id !== endpointId),
    }
  );
}

function aboutBaseImage(
  event: BaseImageEvent,
  endpoints: readonly EndpointRecord[],
  { href }: FanOutDeps,
): Announcement {
  const { tenant, type, position } = event;
  return {
    message: baseImageMessage({ event, href }),
    messageId: `msg_base_${safe(position)}`,
    tenant,
    endpoints: subscribers(endpoints, type, tenant),
  };
}

/** Ignores labels: they belong to jobs and batches, so an endpoint with a label filter receives other events all the same. */
const subscribers = (endpoints: readonly EndpointRecord[], type: WebhookEventType, tenant: string) =>
  endpoints.filter((endpoint) => endpoint.tenant === tenant && endpoint.events.includes(type));

const isFor = (endpoint: EndpointRecord, tenant: string, labels: Readonly<Record<string, string>>) =>
  endpoint.tenant === tenant &&
  Object.entries(endpoint.labels).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  );

const safe = (position: string) => position.replace('-', '_');
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Returns an id from the event and the receiver, so that a repeated fan-out creates no second delivery. */
const deliveryId = (messageId: string, receiver: string) =>
  `dlv_${sha256(`${messageId} ${receiver}`).slice(0, 32)}`;

function fanOut(announcement: Announcement): NewDelivery[] {
  const { message, messageId, tenant, endpoints, callback, job, batch, trace } = announcement;
  const common = {
    messageId,
    tenant,
    type: message.type,
    sequence: message.data.sequence,
    // Every attempt sends these very bytes.
    body: JSON.stringify(message),
    ...(job !== undefined && { job }),
    ...(batch !== undefined && { batch }),
    ...(trace !== undefined && { trace }),
  };
  const deliveries: NewDelivery[] = endpoints
    .filter(({ format }) => webhookFormat(format.type).supports(message, format))
    .map(({ id, url, format }) => ({
      ...common,
      id: deliveryId(messageId, id),
      lane: `endpoint:${id}`,
      endpointId: id,
      url,
      format,
    }));
  if (callback) {
    const { url, sealedSecret } = callback;
    deliveries.push({
      ...common,
      id: deliveryId(messageId, 'callback'),
      // Callbacks of one tenant to one host share a concurrency limit and a circuit.
      lane: `callback:${sha256(`${tenant} ${new URL(url).origin}`).slice(0, 16)}`,
      url,
      format: { type: 'standard' },
      ...(sealedSecret !== undefined && { sealedSecret, sealedFor: job ?? batch ?? '' }),
    });
  }
  return deliveries;
}
