/** A reason that ends the setup, written for the person who runs it. */
export class SetupError extends Error {
  name = 'SetupError';
}

/** One line on standard output; everything the setup does is said this way. */
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
