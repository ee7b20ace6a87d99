import type { DisabledReason, JobState, TerminalState } from './names.js';

export type JobEventType = 'job.queued' | 'job.started' | 'job.requeued' | `job.${TerminalState}`;

/** An entry of the event stream: a job changed. The record holds the details. */
export interface JobEvent {
  readonly kind: 'job';
  /** The stream's own id, `<ms>-<n>`. A reader resumes from it. */
  readonly position: string;
  readonly type: JobEventType;
  readonly jobId: string;
  readonly batchId: string | undefined;
  /** Undefined in events of earlier versions, which do not name the tenant and are not published by their writer. */
  readonly tenant?: string | undefined;
  readonly state: JobState;
  /** The record's version after the change. With the job's id it identifies the event. */
  readonly version: number;
  /** The pool that built the job. Set only for ended jobs. */
  readonly pool?: string | undefined;
  /** False if the job certainly has no callback. Set only for ended jobs. */
  readonly callback?: boolean | undefined;
  /** Milliseconds since the epoch, by Redis' clock. */
  readonly at: number;
}

/** A batch has ended. */
export interface BatchEvent {
  readonly kind: 'batch';
  readonly position: string;
  readonly type: 'batch.finished';
  readonly batchId: string;
  /** As in events of jobs. */
  readonly tenant?: string | undefined;
  readonly at: number;
}

/** The circuit of a replica opened or closed. */
export interface BuilderEvent {
  readonly kind: 'builder';
  readonly position: string;
  readonly type: 'builder.circuit_opened' | 'builder.circuit_closed';
  /** The replica's URL. */
  readonly replica: string;
  readonly at: number;
}

/** Slipway disabled an endpoint because its deliveries fail. */
export interface WebhookEvent {
  readonly kind: 'webhook';
  readonly position: string;
  readonly type: 'webhook.disabled';
  readonly endpointId: string;
  readonly tenant: string;
  readonly reason: DisabledReason;
  readonly at: number;
}

/** The registry has another image under the reference of a base image that functions of the tenant use. */
export interface BaseImageEvent {
  readonly kind: 'base_image';
  readonly position: string;
  readonly type: 'base_image.changed';
  readonly tenant: string;
  /** In canonical spelling. */
  readonly reference: string;
  readonly digest: string;
  /** The digest of the check before; undefined for the first check. */
  readonly previous: string | undefined;
  /** Functions whose last success used the base image, and those with a known digest other than the new one. */
  readonly functions: number;
  readonly behind: number;
  readonly at: number;
}

export type StreamEvent = JobEvent | BatchEvent | BuilderEvent | WebhookEvent | BaseImageEvent;
