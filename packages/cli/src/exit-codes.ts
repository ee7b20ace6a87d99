/** Exit codes of the command. Every `--help` lists them. */
export const exitCodes = {
  ok: 0,
  /** A build failed or was canceled, a message was not delivered, a template could not be fetched, or `up`, `demo`, `listen` or `blobs` failed. */
  failed: 1,
  usage: 2,
  /** The server could not be reached, or it refused the request. */
  refused: 3,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodesHelp = `
Exit codes:
  0  done
  1  a build failed or was canceled, a message was not delivered, a template could not be fetched;
     up, demo, listen or blobs could not do its work
  2  wrong usage: an option, an argument, the folder or the stack file
  3  the server could not be reached, or refused`;
