import { eventStream } from './event-stream.js';
import type { components } from './schema.js';
import type { Send } from './send.js';

export type LogLine = components['schemas']['LogLine'];

interface LogStreamOptions {
  readonly send: Send;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Go on until the job has ended. */
  readonly follow: boolean;
  readonly after: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly firstDelayMs: number;
}

/** Yields lines of a log. A broken stream resumes where it broke. */
export async function* logLines({ url, follow, ...rest }: LogStreamOptions): AsyncGenerator<LogLine, void> {
  const stream = eventStream({
    ...rest,
    url: `${url}?follow=${follow ? 1 : 0}`,
    end: 'end',
    patient: follow,
  });
  for await (const event of stream) {
    if (event.event === 'log') yield JSON.parse(event.data) as LogLine;
  }
}
