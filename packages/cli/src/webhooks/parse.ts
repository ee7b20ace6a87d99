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

/** Parses an http or https URL without credentials. */
export function httpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidArgumentError('It must be an http or https URL, such as http://127.0.0.1:3000/hook.');
  }
  if (url.username !== '' || url.password !== '')
    throw new InvalidArgumentError('It must hold no credentials.');
  return url;
}

const units = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/i;

/** Parses an age (`90s`, `30m`, `2h`, `3d`) or a time of RFC 3339, and returns RFC 3339 in UTC. */
export function since(text: string): string {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) {
    return new Date(Date.now() - Number(amount) * units[unit as keyof typeof units] * 1_000).toISOString();
  }
  const time = rfc3339.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return new Date(time).toISOString();
  throw new InvalidArgumentError(
    'It must be a time back, such as 30m, 2h or 3d, or one such as 2026-01-31T14:00:00Z.',
  );
}
