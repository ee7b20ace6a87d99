import type { ExitCode } from './exit-codes.js';

/** Something that the person at the terminal can mend: what is wrong, and what to do about it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;
  readonly remedy: string | undefined;

  constructor({ message, remedy, exitCode }: { message: string; remedy?: string; exitCode: ExitCode }) {
    super(message);
    this.exitCode = exitCode;
    this.remedy = remedy;
  }
}
