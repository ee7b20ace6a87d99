import { CommanderError } from 'commander';
import type { CommandContext } from './command-context.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { createProgram } from './program.js';
import { reportError } from './report-error.js';

interface CliOptions extends CommandContext {
  /** Arguments without the program and its script. */
  readonly argv: readonly string[];
}

/** Runs one command line and prints its errors. Returns the exit code. */
export async function runCli({ argv, ...context }: CliOptions): Promise<ExitCode> {
  let exit: ExitCode = exitCodes.ok;
  const program = createProgram({
    context,
    onExit: (code) => {
      exit = code;
    },
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    return reportError(error, { terminal: context.terminal, json: argv.includes('--json') });
  }
}
