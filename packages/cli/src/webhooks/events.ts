import type { WebhookRequest } from '@slipway/client';
import { InvalidArgumentError } from 'commander';
import { list } from '../parse.js';

export type EventType = NonNullable<WebhookRequest['events']>[number];

const known: Readonly<Record<EventType, true>> = {
  'job.queued': true,
  'job.started': true,
  'job.succeeded': true,
  'job.failed': true,
  'job.canceled': true,
  'batch.finished': true,
  'builder.circuit_opened': true,
  'builder.circuit_closed': true,
  'webhook.disabled': true,
};
/** The event types that an endpoint can subscribe to. */
export const eventTypes = Object.keys(known) as EventType[];

/** Parses event types without duplicates. The option may be repeated, or its values separated by commas. */
export function events(text: string, before: readonly EventType[] = []): EventType[] {
  const named = list(text);
  const strange = named.find((name) => !Object.hasOwn(known, name));
  if (strange !== undefined || named.length === 0) {
    throw new InvalidArgumentError(`Events are ${eventTypes.join(', ')}.`);
  }
  return [...new Set([...before, ...(named as EventType[])])];
}

/** Formats event types: `job.succeeded,failed batch.finished`. Types of one kind share its name. */
export function eventsText(types: readonly string[]): string {
  const kinds = new Map<string, string[]>();
  for (const type of types) {
    const at = type.indexOf('.');
    const kind = type.slice(0, at);
    kinds.set(kind, [...(kinds.get(kind) ?? []), type.slice(at + 1)]);
  }
  return [...kinds].map(([kind, names]) => `${kind}.${names.join(',')}`).join(' ');
}
