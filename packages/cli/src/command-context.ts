import type { ServerOptions } from './connection/connection.js';
import type { Terminal } from './terminal/terminal.js';

/** The environment of a command. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The options of every command. */
export interface CommonOptions extends ServerOptions {
  /** Selects machine-readable output. */
  readonly json?: boolean;
}
