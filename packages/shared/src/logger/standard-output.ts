import { isMainThread } from 'node:worker_threads';
import { type DestinationStream, pino } from 'pino';

/** Milliseconds after a write in which lines are gathered. */
const gatherMs = 100;
/** Characters that are written without waiting. */
const gatherLength = 16 * 1024;

let output: DestinationStream | undefined;

/**
 * Returns the standard output of this process. A line is written at once. Lines in the 100 ms after a write are gathered, because each write is work for the thread
 * pool and wakes the event loop. A line of the level `warn` or above is written at once, with all lines before it. All lines are written when the process exits,
 * also after an uncaught error. Threads end without warning, so they gather nothing.
 */
export function standardOutput(): DestinationStream {
  output ??= isMainThread ? gathered() : pino.destination({ dest: 1, sync: false });
  return output;
}

function gathered(): DestinationStream {
  const stdout = pino.destination({ dest: 1, sync: false });
  let lines = '';
  let gathering: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(gathering);
    gathering = undefined;
    if (lines === '') return;
    stdout.write(lines);
    lines = '';
    gathering = setTimeout(flush, gatherMs).unref();
  };
  process.once('exit', () => {
    stdout.flushSync();
    // The process does not wait for the thread pool any more.
    pino.destination({ dest: 1, sync: true }).write(lines);
  });
  return Object.assign(
    {
      lastLevel: 0,
      write(line: string) {
        lines += line;
        if (!gathering || this.lastLevel >= warnLevel || lines.length > gatherLength) flush();
      },
    },
    // pino sets `lastLevel` of such a stream before each line.
    { [Symbol.for('pino.metadata')]: true },
  );
}

const warnLevel = pino.levels.values.warn ?? 0;
