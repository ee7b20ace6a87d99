/** If the two clocks differ by more milliseconds than this, the time of day wins. */
const toleranceMs = 20;

/** Returns the time of day in fractions of a millisecond. It never goes back on its own, so that spans nest correctly. */
export class SpanClock {
  #origin = performance.timeOrigin;

  /** Returns milliseconds since the epoch. */
  now(): number {
    const at = this.#origin + performance.now();
    const behind = Date.now() - at;
    if (Math.abs(behind) < toleranceMs) return at;
    this.#origin += behind;
    return at + behind;
  }
}
