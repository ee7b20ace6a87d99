import { type ReplicaState, readDemand, targetOf, wantedReplicas } from '@slipway/control-plane/replicas';
import { defaultPool } from '@slipway/shared/contracts';
import type { Keys, Redis } from '@slipway/shared/redis';
import { slots } from './fleet.js';

/** The number by which an autoscaler scales a pool. */
export const signals = ['queue', 'load', 'wanted'] as const;
export type Signal = (typeof signals)[number];

/** The state of a pool at one moment. */
interface PoolView {
  readonly waiting: number;
  readonly running: number;
  readonly known: readonly ReplicaState[];
}

/** As the chart sets them: `autoscaling` and `drainTargetSeconds` in values.yaml. */
const scaleDownMs = 300_000;
const drainMs = 300_000;
/** The Horizontal Pod Autoscaler changes nothing within this share of the present count. */
const tolerance = 0.1;
/** The share of busy slots that the signal `load` keeps. */
const targetLoad = 0.8;

/** Returns the number of replicas that a signal asks for, before the limits of the autoscaler. */
export async function askedBy(
  signal: Signal,
  { waiting, running, known }: PoolView,
  on: { readonly redis: Redis; readonly keys: Keys },
): Promise<number> {
  switch (signal) {
    case 'queue':
      return waiting / slots;
    case 'load':
      return running / (slots * targetLoad);
    case 'wanted': {
      const pool = { name: defaultPool, platforms: [], slots, drainMs };
      return wantedReplicas(await readDemand(on, defaultPool), targetOf(pool, known));
    }
    default:
      return signal satisfies never;
  }
}

/** The rules of a Horizontal Pod Autoscaler with the behavior of the chart: up at once, down after a while. */
export class Autoscaler {
  readonly #limits: { readonly least: number; readonly most: number };
  #asked: { readonly at: number; readonly count: number }[] = [];

  constructor(limits: { readonly least: number; readonly most: number }) {
    this.#limits = limits;
  }

  /** Returns the number of replicas that should exist now. */
  count(value: number, replicas: number, now: number): number {
    const { least, most } = this.#limits;
    const isNear = replicas > 0 && Math.abs(value / replicas - 1) <= tolerance;
    const count = isNear ? replicas : Math.min(most, Math.max(least, Math.ceil(value)));
    this.#asked = [...this.#asked.filter(({ at }) => at > now - scaleDownMs), { at: now, count }];
    const highest = Math.max(...this.#asked.map((each) => each.count));
    return count >= replicas ? count : Math.min(replicas, highest);
  }
}
