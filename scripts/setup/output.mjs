/** A reason that ends the setup, written for the person who runs it. */
export class SetupError extends Error {
  name = 'SetupError';
}

/** Prints one line on standard output. The setup reports every step with it. */
export function say(line) {
  process.stdout.write(`setup: ${line}\n`);
}

/** Says what is about to be done and, when it has been, how long it took. */
export async function step(what, work) {
  say(`${what} …`);
  const started = Date.now();
  await work();
  say(`  done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}
