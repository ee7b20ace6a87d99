import { type ExitCode, exitCodes } from './exit-codes.js';

/** An error that the user can fix, with a message and a remedy. */
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

/** Remedies for files that cannot be sent, by error code. */
const remedies: Readonly<Record<string, string>> = {
  ignore_file_invalid:
    'Correct the ignore file: https://docs.docker.com/build/concepts/context/#dockerignore-files',
  source_path_unsafe: 'Rename it: names are text in UTF-8.',
  source_link_unsafe: 'Make the link again, with a target in UTF-8.',
};

/** Runs work. An error about a file of this machine, in the folder `where` if given, becomes a `CommandError`. */
export async function usage<T>(work: () => Promise<T>, where?: string): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const remedy = remedies[code ?? ''];
    if (remedy === undefined) throw error;
    const place = where === undefined ? '' : `in ${where}: `;
    throw new CommandError({ message: `${code}: ${place}${message}`, remedy, exitCode: exitCodes.usage });
  }
}
