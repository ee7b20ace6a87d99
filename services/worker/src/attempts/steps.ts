import type { Attempt } from '@slipway/shared/contracts';

/** A step of the Dockerfile in the log of a builder, cached or at its begin or end: `v: <time> CACHED [2/3] RUN make 0.35s`. */
const stepLine = /^v: \S{1,40} (CACHED )?(\[(?:[^\]\s]{1,100} )*\d+\/\d+\] .{0,200}?)(?: \d+\.\d\ds)?$/s;
const maxSteps = 1_000;

/** Counts the steps that the log of an attempt shows. */
export class StepCounter {
  readonly #cachedByName = new Map<string, boolean>();

  read(lines: readonly string[]): void {
    for (const line of lines) {
      const [, cached, name] = stepLine.exec(line.slice(0, 400)) ?? [];
      if (name === undefined || this.#cachedByName.size >= maxSteps) continue;
      this.#cachedByName.set(name, cached !== undefined);
    }
  }

  /** Returns the numbers of steps; undefined when the log shows none, as with buildah. */
  counts(): Attempt['steps'] {
    const all = [...this.#cachedByName.values()];
    if (all.length === 0) return undefined;
    return { total: all.length, cached: all.filter((cached) => cached).length };
  }
}
