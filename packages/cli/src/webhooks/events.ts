import { type WebhookEventType, webhookEventTypes } from '@slipway/shared/contracts';
import { InvalidArgumentError } from 'commander';
import { list } from '../parse.js';

/** Parses event types without duplicates. The option may be repeated, or its values separated by commas. */
export function events(text: string, before: readonly WebhookEventType[] = []): WebhookEventType[] {
  const named = list(text);
  const strange = named.find((name) => !(webhookEventTypes as readonly string[]).includes(name));
  if (strange !== undefined || named.length === 0) {
    throw new InvalidArgumentError(`Events are ${webhookEventTypes.join(', ')}.`);
  }
  return [...new Set([...before, ...(named as WebhookEventType[])])];
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
