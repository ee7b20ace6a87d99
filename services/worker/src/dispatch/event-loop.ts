import { setTimeout as sleep } from 'node:timers/promises';
import type { Component } from '@slipway/shared/lifecycle';

const sampleMs = 100;
/** A worker whose timers fire later than this takes no jobs. */
const maxLagMs = 500;

/** Measures how late the timers of this process fire. A worker takes no job while its event loop lags: it could not handle the job in time. */
export class EventLoop implements Component {
  readonly name = 'event loop';
  #isLagging = false;
  #overloadMs = 0;
  #waiting: (() => void)[] = [];

  /** Returns the seconds in which the event loop lagged. */
  get overloadSeconds(): number {
    return this.#overloadMs / 1_000;
  }

  /** Resolves while the event loop does not lag, or when the signal is aborted. */
  async responsive(signal: AbortSignal): Promise<void> {
    while (this.#isLagging && !signal.aborted) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const started = performance.now();
      await sleep(sampleMs, undefined, { signal }).catch(() => undefined);
      const lagMs = performance.now() - started - sampleMs;
      this.#isLagging = lagMs > maxLagMs && !signal.aborted;
      if (this.#isLagging) this.#overloadMs += lagMs;
      else for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }
}
