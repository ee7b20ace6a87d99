import type { Job } from '@slipway/shared/contracts';

/** A replica as `GET /v1/builders` shows it. */
export interface ShownBuilder {
  readonly url: string;
  readonly readiness: string;
  readonly circuit: string;
  readonly in_flight: number;
  readonly faults: number;
}

/** The cost of dead engines. */
export interface OutageCount {
  /** Jobs that did not succeed. */
  readonly wrong: number;
  /** Jobs that spent more than one attempt on an engine that died. */
  readonly overspent: number;
  /** Builds that were sent and had no result. */
  readonly wasted: number;
  /** The wasted builds above three for each replica. */
  readonly overWasted: number;
}

/** Attempts that the job spent on engines that died. */
export const lostAttempts = ({ attempts }: Job): number =>
  attempts.filter(({ outcome }) => outcome === 'builder_lost' || outcome === 'engine_unreachable').length;
