import { type DestinationStream, type Logger, pino } from 'pino';
import { loggedError } from './error.js';

export type { Logger };

interface LoggerOptions {
  readonly name: string;
  readonly level: string;
  readonly destination?: DestinationStream;
  /** More fields for each line; undefined where there are none at the time. */
  readonly fields?: (() => object | undefined) | undefined;
}

/** JSON lines on standard output. Headers that carry credentials never pass, whoever logs them. */
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
