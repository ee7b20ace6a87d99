/** Prints a figure of the suite as one line. */
export function report(line: string): void {
  process.stdout.write(`kubernetes: ${line}\n`);
}

/** Resolves as `work` does, and prints how long that took. */
export async function measured<T>(what: string, work: Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work;
  report(`${what} after ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}
