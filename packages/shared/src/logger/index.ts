import { type DestinationStream, type Logger, pino } from 'pino';
import { standardOutput } from './standard-output.js';

export type { Logger };

interface LoggerOptions {
  readonly name: string;
  readonly level: string;
  readonly destination?: DestinationStream;
  /** Returns extra fields for each line; undefined when there are none. */
  readonly fields?: (() => object | undefined) | undefined;
}

/** Headers that carry credentials. */
const secretHeaders = ['authorization', 'x-build-signature', 'cookie'] as const;

/**
 * Returns a logger that writes JSON lines to standard output. Lines below `warn` wait up to 100 ms in memory, so a process that is killed may lose them. It always removes headers
 * that carry credentials.
 */
export function createLogger({ name, level, destination, fields }: LoggerOptions): Logger {
  const options = {
    level,
    base: { service: name, pid: process.pid },
    formatters: { level: (label: string) => ({ level: label }), log: withoutSecrets },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: loggedError },
    ...(fields && { mixin: () => fields() ?? {} }),
  };
  return pino(options, destination ?? standardOutput());
}

/** Replaces the secret headers in the fields of a line. pino's own redaction copies all fields of each line. */
function withoutSecrets(fields: Record<string, unknown>): Record<string, unknown> {
  const secret = Object.keys(fields ?? {}).filter((name) => hasSecrets(fields[name]));
  if (secret.length === 0) return fields;
  return { ...fields, ...Object.fromEntries(secret.map((name) => [name, censored(fields[name])])) };
}

const hasSecrets = (value: unknown): value is object =>
  typeof value === 'object' &&
  value !== null &&
  !(value instanceof Error) &&
  secretHeaders.some((name) => name in value);

function censored<T>(value: T): T {
  if (!hasSecrets(value)) return value;
  const found = secretHeaders.filter((name) => name in value);
  return { ...value, ...Object.fromEntries(found.map((name) => [name, '[redacted]'])) };
}

/**
 * Returns an error as the log shows it: like pino, but with only the name of a failed Redis command. Its arguments are records,
 * digests of tokens or the password.
 */
function loggedError(error: Error): object {
  return censored(withoutArguments(pino.stdSerializers.err(error) as object));
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
