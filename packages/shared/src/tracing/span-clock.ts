/** More than this between the two clocks, in milliseconds, and the time of day is believed. */
const toleranceMs = 20;

/** The time of day in fractions of a millisecond. It does not go back by itself, so that no span ends after the one around it or before it began. */
export class SpanClock {
  #origin = performance.timeOrigin;

  /** Milliseconds since the epoch. */
  now(): number {
    const at = this.#origin + performance.now();
    const behind = Date.now() - at;
    if (Math.abs(behind) < toleranceMs) return at;
    this.#origin += behind;
    return at + behind;
  }
}
