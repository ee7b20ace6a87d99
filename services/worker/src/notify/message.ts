import { type BatchRecord, type JobRecord, toBatch } from '@slipway/control-plane/jobs';
import { addressOf, replicaId } from '@slipway/control-plane/replicas';
import type {
  BaseImageEvent,
  BaseImageMessage,
  BatchMessage,
  BuilderEvent,
  BuilderMessage,
  JobEvent,
  JobEventType,
  JobMessage,
  Message,
  WebhookEvent,
  WebhookMessage,
} from '@slipway/shared/contracts';

/** Bytes of a message as JSON. Leaves room below the 20 KB that Standard Webhooks asks for. */
const maxMessageBytes = 19_000;

/** Returns the URL of an API path: absolute if the installation's public URL is configured. */
export type Href = (path: string) => string;

/** `publicUrl` may have a path, and has no slash at its end. */
export const hrefFrom =
  (publicUrl: string | undefined): Href =>
  (path) =>
    `${publicUrl ?? ''}${path}`;

const iso = (ms: number) => new Date(ms).toISOString();
const sizeOf = (message: Message) => Buffer.byteLength(JSON.stringify(message));

/** Returns true if the event has a message. No message reports that a job waits for its next attempt. */
export const hasMessage = (type: JobEventType): type is JobMessage['type'] => type !== 'job.requeued';

/** Returns the message about an event of a job. Only the message of the end holds the result, even if another one is made later. */
export function jobMessage(options: { record: JobRecord; event: JobEvent; href: Href }): JobMessage {
  const { record, event, href } = options;
  const { id, spec, result, error } = record;
  const ended = event.version === record.version;
  const message: JobMessage = {
    type: event.type as JobMessage['type'],
    api_version: 'v1',
    timestamp: iso(event.at),
    data: {
      sequence: event.version,
      url: href(`/v1/jobs/${id}`),
      job: {
        id,
        state: event.state,
        ...(spec.function && { function: spec.function }),
        image: spec.image,
        version: event.version,
      },
      ...(record.batch !== undefined && { batch: record.batch }),
      ...(spec.vcs && { vcs: spec.vcs }),
      ...(ended && result?.digest && { digest: result.digest }),
      ...(ended && error && { code: error.code }),
      labels: spec.labels,
    },
  };
  return ended && error ? withDetail(message, error.detail) : message;
}

/** As much of the detail as there is room for. */
function withDetail(message: JobMessage, detail: string): JobMessage {
  const having = (text: string): JobMessage => ({ ...message, data: { ...message.data, detail: text } });
  const upTo = (length: number) =>
    having(length < detail.length ? `${detail.slice(0, length).replace(halfPair, '')}…` : detail);
  let length = Math.min(detail.length, maxMessageBytes);
  while (length > 0 && sizeOf(upTo(length)) > maxMessageBytes) length = Math.floor(length * 0.75);
  return upTo(length);
}

/** The first half of a character of two code units, which a cut left at the end. */
const halfPair = /[\ud800-\udbff]$/;

/** Returns the message about an ended batch, with as many failed jobs as fit. Returns undefined while the batch runs. */
export function batchMessage(options: {
  record: BatchRecord;
  failed: readonly JobRecord[];
  href: Href;
}): BatchMessage | undefined {
  const { record, failed, href } = options;
  if (record.finishedAt === undefined) return undefined;
  const { id, total, counts, labels, retry_of } = toBatch(record, record.finishedAt);
  const failures: BatchMessage['data']['failures'] = [];
  const message: BatchMessage = {
    type: 'batch.finished',
    api_version: 'v1',
    timestamp: iso(record.finishedAt),
    data: {
      sequence: 1,
      url: href(`/v1/batches/${id}`),
      batch: { id, total, counts, labels, ...(retry_of !== undefined && { retry_of }) },
      failures,
    },
  };
  for (const { id: job, spec, error } of failed) {
    failures.push({
      id: job,
      image: spec.image,
      ...(spec.function !== undefined && { function: spec.function }),
      ...(error && { code: error.code }),
    });
    if (sizeOf(message) <= maxMessageBytes) continue;
    failures.pop();
    break;
  }
  return message;
}

/** The message that the circuit of a replica opened or closed. */
export function builderMessage(options: { event: BuilderEvent; href: Href }): BuilderMessage {
  const { event, href } = options;
  return {
    type: event.type,
    api_version: 'v1',
    timestamp: iso(event.at),
    data: {
      sequence: sequenceOf(event.position),
      url: href('/v1/builders'),
      builder: { id: replicaId(event.replica), url: addressOf(event.replica) },
    },
  };
}

/** That an endpoint was switched off, for the others of its tenant. */
export function disabledMessage(options: {
  event: WebhookEvent;
  endpointUrl: string;
  href: Href;
}): WebhookMessage {
  const { event, endpointUrl, href } = options;
  return {
    type: event.type,
    api_version: 'v1',
    timestamp: iso(event.at),
    data: {
      sequence: sequenceOf(event.position),
      url: href(`/v1/webhooks/${event.endpointId}`),
      webhook: { id: event.endpointId, url: endpointUrl, reason: event.reason },
    },
  };
}

/** The message that a base image of the tenant's functions changed. */
export function baseImageMessage(options: { event: BaseImageEvent; href: Href }): BaseImageMessage {
  const { event, href } = options;
  const { type, position, reference, digest, previous, functions, behind } = event;
  return {
    type,
    api_version: 'v1',
    timestamp: iso(event.at),
    data: {
      sequence: sequenceOf(position),
      url: href(`/v1/base-images?base_image=${encodeURIComponent(reference)}`),
      base_image: {
        ...{ reference, digest, ...(previous !== undefined && { previous_digest: previous }) },
        ...{ functions, behind },
      },
    },
  };
}

/** Positions of the stream grow, so they serve as numbers: milliseconds, then the place among those of the same one. */
function sequenceOf(position: string): number {
  const [ms, n] = position.split('-').map(Number);
  return (ms ?? 0) * 1_000 + Math.min(n ?? 0, 999);
}
