type Contender = () => Promise<unknown> | unknown;

interface Options<Name extends string> {
  readonly contenders: Readonly<Record<Name, Contender>>;
  readonly rounds: number;
  /** Rounds before the measured ones, which let the code compile and the files enter the cache. */
  readonly warmUps: number;
}

/**
 * Runs contenders in turn, round by round, so that other load on the machine affects them alike. Returns the median
 * time of each contender in milliseconds.
 */
export async function interleaved<Name extends string>(
  options: Options<Name>,
): Promise<Readonly<Record<Name, number>>> {
  const contenders = Object.entries(options.contenders) as [Name, Contender][];
  const times = new Map<Name, number[]>(contenders.map(([name]) => [name, []]));
  for (let round = -options.warmUps; round < options.rounds; round++) {
    for (const [name, run] of contenders) {
      const started = performance.now();
      await run();
      if (round >= 0) times.get(name)?.push(performance.now() - started);
    }
  }
  return Object.fromEntries(contenders.map(([name]) => [name, median(times.get(name) ?? [])])) as Record<
    Name,
    number
  >;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Returns the smallest value that at least `share` (from 0 to 1) of the values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
