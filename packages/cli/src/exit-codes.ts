/** What the command ends with; every `--help` says so too. */
export const exitCodes = {
  ok: 0,
  /** A build failed or was canceled, a message was not delivered, a template could not be fetched; `up`, `demo` or `listen` could not do its work. */
  failed: 1,
  usage: 2,
  /** The server could not be reached, or refused. */
  refused: 3,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodesHelp = `
Exit codes:
  0  done
  1  a build failed or was canceled, a message was not delivered, a template could not be fetched;
     up, demo or listen could not do its work
  2  wrong usage: an option, an argument, the folder or the stack file
  3  the server could not be reached, or refused`;
