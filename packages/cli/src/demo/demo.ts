import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Slipway, startSlipway, temporaryFolder } from '@slipway/local';
import type { EngineName } from '@slipway/shared/contracts';
import { formatDuration } from '@slipway/shared/formatting';
import type { CommandContext } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { onInterrupt } from '../interrupts.js';
import { trustNote } from '../up/message.js';
import { startReceiver } from './receiver.js';
import { runDemo } from './run.js';
import { createSteps } from './steps.js';

export interface DemoOptions {
  readonly engine?: EngineName;
}

/** Short, because the folder of the demo is deleted anyway. */
const graceMs = 1_000;

/** Builds the examples on a temporary Slipway, and always removes it. */
export async function demo(options: DemoOptions, { terminal: { out } }: CommandContext): Promise<ExitCode> {
  const begun = performance.now();
  const stop = new AbortController();
  const undo = onInterrupt(() => {
    // The child processes are killed with this process.
    if (stop.signal.aborted) process.exit(exitCodes.failed);
    out.line('\nStopping.');
    stop.abort();
  });
  const folder = await temporaryFolder();
  const steps = createSteps(out);
  out.line(out.style('bold', 'Slipway demo: six functions, built on this machine, one of them run.'));
  try {
    const dir = join(folder.path, 'slipway');
    await mkdir(dir);
    const slipway = await steps.run('Start Redis, a registry, builder replicas, the API and workers', () =>
      start({ dir, options, signal: stop.signal }),
    );
    for (const line of trustNote(slipway.engine)) out.line(line);
    try {
      const receiver = await startReceiver();
      try {
        const problems = await runDemo({
          ...{ slipway, receiver, steps, screen: out, signal: stop.signal },
          scratch: join(folder.path, 'work'),
        });
        return conclude(problems);
      } finally {
        await receiver.close();
      }
    } finally {
      await slipway.stop();
    }
  } catch (error) {
    if (stop.signal.aborted) return exitCodes.failed;
    throw error;
  } finally {
    undo();
    await folder.remove();
  }

  function conclude(problems: readonly string[]): ExitCode {
    const took = formatDuration(performance.now() - begun);
    if (problems.length === 0) {
      out.line(out.style('green', `The demo succeeded in ${took}.`));
      return exitCodes.ok;
    }
    for (const problem of problems) out.line(`${out.style('red', 'wrong:')} ${problem}`);
    return exitCodes.failed;
  }
}

interface Start {
  readonly dir: string;
  readonly options: DemoOptions;
  readonly signal: AbortSignal;
}

async function start({ dir, options, signal }: Start): Promise<Slipway> {
  try {
    return await startSlipway({ dir, graceMs, signal, ...(options.engine && { engine: options.engine }) });
  } catch (error) {
    throw new CommandError({
      message: (error as Error).message,
      remedy: '`npm run setup` installs what is missing, or says what to install.',
      exitCode: exitCodes.failed,
    });
  }
}
