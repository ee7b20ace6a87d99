import type { JobRecord } from './record.js';
import type { TransitionReply } from './transition.js';

/** A job that does not run now. `wait`: another job pushes to one of its references, or its record cannot be read. */
type NotStarted =
  | { readonly outcome: 'wait' | 'terminal' | 'missing' }
  /** Another attempt holds its slot, at least for `forMs` if its worker has died. */
  | { readonly outcome: 'held'; readonly forMs: number };

export type AdmitReply =
  | {
      readonly outcome: 'ready';
      readonly record: JobRecord;
      /** The replica that last built its function, and has its layers. */
      readonly home: string | undefined;
    }
  | NotStarted;

export type StartReply =
  | { readonly outcome: 'started'; readonly record: JobRecord; readonly takenOver: boolean }
  /** The lease holds no slot of the replica. */
  | { readonly outcome: 'no_slot' }
  | NotStarted;

export type AttachReply =
  | {
      readonly outcome: 'attached';
      readonly record: JobRecord;
      /** The worker that held the attempt before. */
      readonly from: string;
    }
  | { readonly outcome: 'stale' }
  | NotStarted;

/** Returns the reply to a caller whose job may not run now. */
export function notStarted([outcome, value]: TransitionReply): NotStarted {
  if (outcome === 'held') return { outcome, forMs: Number(value) };
  return { outcome: outcome === 'missing' || outcome === 'wait' ? outcome : 'terminal' };
}
