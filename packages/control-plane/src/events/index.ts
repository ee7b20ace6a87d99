import type { DisabledReason, JobEventType, JobState, StreamEvent } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';

/** The consumer group in which the notifiers of all workers read the event stream. */
export const eventsGroup = 'notifier';

/** Returns the events of entries from XREAD and XREADGROUP. */
export function parseEvents(
  entries: readonly (readonly [string, readonly string[] | null])[],
): StreamEvent[] {
  return entries.flatMap(([position, flat]) => {
    // An entry that was trimmed while it was pending has no fields left.
    if (!flat) return [];
    const fields = new Map<string, string>();
    for (let at = 0; at + 1 < flat.length; at += 2) fields.set(flat[at] as string, flat[at + 1] as string);
    const [type, batchId, at] = [fields.get('type'), fields.get('batch'), Number(fields.get('at'))];
    const tenant = fields.get('tenant');
    // Skips a damaged entry.
    if (!Number.isFinite(at)) return [];
    if (type === 'batch.finished')
      return { kind: 'batch', position, type, batchId: batchId ?? '', tenant, at };
    if (type === 'builder.circuit_opened' || type === 'builder.circuit_closed') {
      return { kind: 'builder', position, type, replica: fields.get('replica') ?? '', at };
    }
    if (type === 'webhook.disabled') {
      return {
        kind: 'webhook',
        position,
        type,
        endpointId: fields.get('webhook') ?? '',
        tenant: tenant ?? '',
        reason: fields.get('reason') as DisabledReason,
        at,
      };
    }
    if (type === 'base_image.changed') {
      return {
        ...{ kind: 'base_image', position, type, at },
        tenant: tenant ?? '',
        reference: fields.get('base') ?? '',
        digest: fields.get('digest') ?? '',
        previous: fields.get('previous'),
        functions: Number(fields.get('functions')),
        behind: Number(fields.get('behind')),
      };
    }
    return {
      kind: 'job',
      position,
      type: type as JobEventType,
      jobId: fields.get('job') ?? '',
      batchId,
      tenant,
      state: fields.get('state') as JobState,
      version: Number(fields.get('version')),
      pool: fields.get('pool'),
      callback: fields.get('callback') !== '0',
      at,
    };
  });
}

/** An event as processes receive it over a channel. */
export interface PublishedEvent {
  readonly event: StreamEvent;
  /** True if a process of an earlier version wrote the event, so that it was published late, after newer events. */
  readonly isLate: boolean;
}

const lateMark = 'late';

/** Returns the event of a message from a channel; undefined if it is damaged. */
export function parseMessage(message: string): PublishedEvent | undefined {
  const [position = '', ...fields] = message.split('\n');
  const isLate = fields.at(-1) === lateMark;
  const [event] = parseEvents([[position, isLate ? fields.slice(0, -1) : fields]]);
  return event && { event, isLate };
}

/** Publishes an event that a process of an earlier version wrote, on the channels of newer versions. */
export async function publishLate(
  entry: readonly [string, readonly string[]],
  { redis, keys }: { readonly redis: Redis; readonly keys: Keys },
): Promise<void> {
  const [event] = parseEvents([entry]);
  if (!event || (event.kind !== 'job' && event.kind !== 'batch')) return;
  const owner = event.kind === 'job' ? keys.job(event.jobId) : keys.batch(event.batchId);
  const tenant = await redis.hget(owner, 'tenant');
  const ids = event.kind === 'job' ? [event.jobId, event.batchId] : [event.batchId];
  const channels = ids.flatMap((id) => (id === undefined ? [] : keys.recordChannel(id)));
  if (tenant !== null) channels.push(keys.tenantChannel(tenant));
  const message = [entry[0], ...entry[1], lateMark].join('\n');
  await Promise.all(channels.map((channel) => redis.publish(channel, message)));
}
