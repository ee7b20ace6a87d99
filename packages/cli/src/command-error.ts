import { type ExitCode, exitCodes } from './exit-codes.js';

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

/** What to do about files that cannot be sent, by the code that refuses them. */
const remedies: Readonly<Record<string, string>> = {
  ignore_file_invalid:
    'Correct the ignore file: https://docs.docker.com/build/concepts/context/#dockerignore-files',
  source_path_unsafe: 'Rename it: names are text in UTF-8.',
  source_link_unsafe: 'Make the link again, with a target in UTF-8.',
};

/** Runs work that rejects with a `CommandError` where files of this machine, in the folder `where` if it is given, cannot be used. */
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
