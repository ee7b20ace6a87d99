import {
  type AnswerMeaning,
  type DisabledReason,
  readAnswer,
  type WebhookFormatType,
} from '@slipway/shared/contracts';
import type { SendOutcome } from './send.js';

/** The state of a delivery after an attempt. `at` is in milliseconds since the epoch. */
export type NextStep =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry'; readonly at: number }
  | { readonly kind: 'failed'; readonly reason: string; readonly disable?: DisabledReason };

interface NextStepOptions {
  /** Milliseconds before each of the attempts after the first. */
  readonly delaysMs: readonly number[];
  /** The number of the attempt that has just been made, from 1. */
  readonly attempt: number;
  readonly outcome: SendOutcome;
  /** The format whose rules give the answer its meaning. */
  readonly format: WebhookFormatType;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** The schedule that Standard Webhooks suggests, from the second attempt on. The first attempt has no delay. */
export const usualDelaysMs: readonly number[] = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
];
const longestWaitMs = 24 * hour;

/**
 * Decides on a delivery after an attempt. 2xx is success. 410 ends the delivery and switches the endpoint off (Standard Webhooks 1.0).
 * An address that requests may not reach ends it as well, and so does an answer that is final in the format. All other attempts
 * are repeated by the schedule, ±10 %, or later if the answer asks for that, until no attempt is left.
 */
export function nextStep({ delaysMs, attempt, outcome, format, now, random }: NextStepOptions): NextStep {
  const { status, error } = outcome;
  if (error === 'egress_denied') return { kind: 'failed', reason: error };
  if (status !== undefined && status >= 200 && status < 300) return { kind: 'delivered' };
  if (status === 410) return { kind: 'failed', reason: 'gone', disable: 'gone' };
  const meaning = status === undefined ? retry : readAnswer(format, outcome, now);
  if (meaning.kind === 'delivered') return meaning;
  if (meaning.kind === 'final') return { kind: 'failed', reason: meaning.reason };
  const delayMs = delaysMs[attempt - 1];
  if (delayMs === undefined) return { kind: 'failed', reason: 'exhausted' };
  const planned = now + Math.round(delayMs * (0.9 + 0.2 * random()));
  const asked = Math.max(retryAfter(outcome, now), meaning.notBefore ?? 0);
  return { kind: 'retry', at: Math.max(planned, Math.min(asked, now + longestWaitMs)) };
}

const retry: AnswerMeaning = { kind: 'retry' };

const httpDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Returns the time in `Retry-After` (seconds or an IMF-fixdate; RFC 9110, 10.2.3), in milliseconds since the epoch; 0 for anything else. */
function retryAfter({ headers }: SendOutcome, now: number): number {
  const text = [headers?.['retry-after']].flat()[0]?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return now + Number(text) * second;
  return httpDate.test(text) ? Date.parse(text) || 0 : 0;
}
