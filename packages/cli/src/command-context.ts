import type { ServerOptions } from './connection/connection.js';
import type { Terminal } from './terminal/terminal.js';

/** What every command is run with. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The options that every command takes. */
export interface CommonOptions extends ServerOptions {
  /** Machine-readable output. */
  readonly json?: boolean;
}
