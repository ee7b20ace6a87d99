/**
 * The closed sets of names in `/v1`, with texts for people. This file, `fleet-condition.ts` and `webhooks/` load no library, so the dashboard
 * imports them without zod.
 */

export const jobStates = ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const;
export type JobState = (typeof jobStates)[number];
export const terminalStates = ['succeeded', 'failed', 'canceled'] as const;
export type TerminalState = (typeof terminalStates)[number];

export const isTerminal = (state: JobState): state is TerminalState =>
  (terminalStates as readonly string[]).includes(state);

/** Choices of a batch after its first failure. */
export const onFailureChoices = ['continue', 'stop'] as const;

/** The priority classes, the highest first. */
export const priorityClasses = ['high', 'normal', 'low'] as const;
export type PriorityClass = (typeof priorityClasses)[number];

/**
 * Event types that endpoints can subscribe to. `builder.…` is for the installation's own tenant. `webhook.test` is sent on
 * request, never by subscription.
 */
export const webhookEventTypes = [
  'job.queued',
  'job.started',
  'job.succeeded',
  'job.failed',
  'job.canceled',
  'batch.finished',
  'builder.circuit_opened',
  'builder.circuit_closed',
  'webhook.disabled',
  'base_image.changed',
] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];

/** Event types of an endpoint that names none. */
export const defaultEventTypes: WebhookEventType[] = [
  'job.succeeded',
  'job.failed',
  'job.canceled',
  'batch.finished',
];

export const deliveryStates = ['pending', 'delivered', 'failed', 'canceled'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** Reasons for which Slipway disables an endpoint. */
export const disabledReasons = ['gone', 'failing', 'failed_in_a_row'] as const;
export type DisabledReason = (typeof disabledReasons)[number];

export const disabledReasonTexts: Readonly<Record<DisabledReason, string>> = {
  gone: 'it answered 410 Gone',
  failing: 'it failed for five days',
  failed_in_a_row: 'a hundred deliveries in a row failed',
};
