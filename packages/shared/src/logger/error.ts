import { pino } from 'pino';

/**
 * Returns an error as the log shows it: like pino, but with only the name of a failed Redis command. Its arguments are records,
 * digests of tokens or the password.
 */
export function loggedError(error: Error): object {
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
