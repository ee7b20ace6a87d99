import type { DisabledReason, JobEventType, JobState, StreamEvent } from '@slipway/shared/contracts';

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
    // Skips a damaged entry.
    if (!Number.isFinite(at)) return [];
    if (type === 'batch.finished') return { kind: 'batch', position, type, batchId: batchId ?? '', at };
    if (type === 'builder.circuit_opened' || type === 'builder.circuit_closed') {
      return { kind: 'builder', position, type, replica: fields.get('replica') ?? '', at };
    }
    if (type === 'webhook.disabled') {
      return {
        kind: 'webhook',
        position,
        type,
        endpointId: fields.get('webhook') ?? '',
        tenant: fields.get('tenant') ?? '',
        reason: fields.get('reason') as DisabledReason,
        at,
      };
    }
    return {
      kind: 'job',
      position,
      type: type as JobEventType,
      jobId: fields.get('job') ?? '',
      batchId,
      state: fields.get('state') as JobState,
      version: Number(fields.get('version')),
      pool: fields.get('pool'),
      callback: fields.get('callback') !== '0',
      at,
    };
  });
}
