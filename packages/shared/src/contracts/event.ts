import type { JobState, terminalStates } from './job.js';
import type { DisabledReason } from './webhook.js';

export type JobEventType =
  | 'job.queued'
  | 'job.started'
  | 'job.requeued'
  | `job.${(typeof terminalStates)[number]}`;

/** One entry of the event stream: that a job changed. The record says the rest. */
export interface JobEvent {
  readonly kind: 'job';
  /** The stream's own id, `<ms>-<n>`: where a reader goes on. */
  readonly position: string;
  readonly type: JobEventType;
  readonly jobId: string;
  readonly batchId: string | undefined;
  readonly state: JobState;
  /** The record's version after the change. With the job's id it identifies the event. */
  readonly version: number;
  /** Whose replicas build it; said of jobs that have ended. */
  readonly pool?: string | undefined;
  /** False when it is known that the job has no callback; said of jobs that have ended. */
  readonly callback?: boolean | undefined;
  /** Milliseconds since the epoch, by Redis' clock. */
  readonly at: number;
}

/** That a batch has come to its end. */
export interface BatchEvent {
  readonly kind: 'batch';
  readonly position: string;
  readonly type: 'batch.finished';
  readonly batchId: string;
  readonly at: number;
}

/** That calls of a replica are given up for a while, or made again. */
export interface BuilderEvent {
  readonly kind: 'builder';
  readonly position: string;
  readonly type: 'builder.circuit_opened' | 'builder.circuit_closed';
  /** The URL of the replica. */
  readonly replica: string;
  readonly at: number;
}

/** That an endpoint was switched off because it takes no messages. */
export interface WebhookEvent {
  readonly kind: 'webhook';
  readonly position: string;
  readonly type: 'webhook.disabled';
  readonly endpointId: string;
  readonly tenant: string;
  readonly reason: DisabledReason;
  readonly at: number;
}

export type StreamEvent = JobEvent | BatchEvent | BuilderEvent | WebhookEvent;
