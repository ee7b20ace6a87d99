import type { DeliverySummary, Webhook } from '@slipway/client';
import { type DeliveryState, deliveryReasons, disabledReasonTexts } from '@slipway/shared/contracts';
import { formatDuration } from '@slipway/shared/formatting';
import type { Screen } from '../terminal/terminal.js';
import { age, shown } from '../terminal/text.js';

/** Formats the state of an endpoint: enabled or the reason why not, and failures. */
export function webhookState(webhook: Webhook, screen: Screen): string {
  const { enabled, disabled, failing_since: failing, circuit_open_until: paused } = webhook;
  if (disabled) {
    return screen.style('red', `disabled ${age(disabled.at)} ago: ${disabledReasonTexts[disabled.reason]}`);
  }
  if (!enabled) return screen.style('dim', 'disabled');
  if (failing === undefined) return screen.style('green', 'enabled');
  const left = paused === undefined ? 0 : Date.parse(paused) - Date.now();
  const wait = left > 0 ? `, next try in ${formatDuration(left)}` : '';
  return screen.style('yellow', `failing for ${age(failing)}${wait}`);
}

/** Formats a format: `github_commit_status (token ci, context build)`. */
export function formatText({ type, ...fields }: Webhook['format']): string {
  const parts = Object.entries(fields).map(([name, value]) => `${name} ${value}`);
  return parts.length === 0 ? type : `${type} (${parts.join(', ')})`;
}

const stateStyles = { pending: 'cyan', delivered: 'green', failed: 'red', canceled: 'yellow' } as const;

export const deliveryState = (screen: Screen, state: DeliveryState): string =>
  screen.style(stateStyles[state], state);

type Attempt = DeliverySummary['attempts'][number];

/** Formats an attempt: `200 in 34 ms`, or `ECONNREFUSED after 2 ms`. */
export function attemptText({ status, error, duration_ms: took }: Attempt): string {
  if (status === undefined) return `${shown(error ?? 'no answer')} after ${formatDuration(took)}`;
  return `${status} in ${formatDuration(took)}${error === undefined ? '' : `: ${shown(error)}`}`;
}

/** Formats the reason why a delivery ended undelivered: the code and its meaning. */
export function reasonText(reason: string): string {
  const [, status] = /^refused_(\d+)$/.exec(reason) ?? [];
  const known = status === undefined ? deliveryReasons[reason] : `it would answer ${status} again`;
  return known === undefined ? shown(reason) : `${reason}: ${known}`;
}

/** Formats the next step of a pending delivery. */
export function nextText({ state, next_attempt_at: next }: DeliverySummary): string {
  if (state !== 'pending') return '';
  const left = next === undefined ? 0 : Date.parse(next) - Date.now();
  return left > 0 ? `next in ${formatDuration(left)}` : 'next soon';
}
