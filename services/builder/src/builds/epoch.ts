import { randomInt } from 'node:crypto';

/** The modification time of all files, so that equal files make equal layers at any time and from any client. */
const modified = new Date(Date.UTC(1985, 9, 26, 8, 15));

/** Steps per second: Node sets file times in microseconds. */
const steps = 1_000_000;

/**
 * The times of the files of each build, in seconds: `modified`, and a part of a second that no other build has. BuildKit keeps what
 * it was sent for the next build, whosever it is, and takes a file for the one that it has when path, mode, size and time are the same.
 * Layers hold whole seconds alone.
 */
export class ContextTimes {
  #step = randomInt(steps);

  next(): number {
    this.#step = (this.#step + 1) % steps;
    return modified.getTime() / 1_000 + (this.#step + 0.5) / steps;
  }
}

/** https://reproducible-builds.org/specs/source-date-epoch: seconds since 1970. */
const epochArgument = 'SOURCE_DATE_EPOCH';

/**
 * Build arguments with which the same source gives the same image, whenever and wherever it is built: images, history and layers
 * carry this time, which the files of the context have already. A request that says SOURCE_DATE_EPOCH itself wins; an
 * empty one asks for the real time.
 */
export function withEpoch(buildArgs: Readonly<Record<string, string>>): Record<string, string> {
  return { [epochArgument]: String(modified.getTime() / 1000), ...buildArgs };
}

/** Returns the SOURCE_DATE_EPOCH of a build, or undefined for the real time. */
export function epochOf(buildArgs: Readonly<Record<string, string>>): string | undefined {
  return buildArgs[epochArgument] || undefined;
}

export function withoutEpoch(buildArgs: Readonly<Record<string, string>>): Record<string, string> {
  const { [epochArgument]: _epoch, ...others } = buildArgs;
  return others;
}
