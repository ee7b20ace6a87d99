import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger };

interface LoggerOptions {
  readonly name: string;
  readonly level: string;
  readonly destination?: DestinationStream;
  /** Returns extra fields for each line; undefined when there are none. */
  readonly fields?: (() => object | undefined) | undefined;
}

/** Returns a logger that writes JSON lines to standard output. It always removes headers that carry credentials. */
export function createLogger({ name, level, destination, fields }: LoggerOptions): Logger {
  const options = {
    level,
    base: { service: name, pid: process.pid },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: loggedError },
    redact: { paths: ['*.authorization', '*["x-build-signature"]', '*.cookie'], censor: '[redacted]' },
    ...(fields && { mixin: () => fields() ?? {} }),
  };
  return destination ? pino(options, destination) : pino(options);
}

/**
 * Returns an error as the log shows it: like pino, but with only the name of a failed Redis command. Its arguments are records,
 * digests of tokens or the password.
 */
function loggedError(error: Error): object {
  return withoutArguments(pino.stdSerializers.err(error) as object);
}

function withoutArguments(described: object): object {
  const { command, aggregateErrors, ...rest } = described as Described;
  return {
    ...rest,
    ...(command?.name !== undefined && { command: command.name }),
    ...(aggregateErrors && { aggregateErrors: aggregateErrors.map(withoutArguments) }),
  };
}

interface Described {
  readonly command?: { readonly name?: string };
  readonly aggregateErrors?: readonly object[];
}
