import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { ConnectionError } from './errors.js';
import type { components } from './schema.js';
import { fewRetries, manyRetries, pause, type Send } from './send.js';

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

/** Lines of a log, read as server-sent events (HTML Standard). A stream that breaks is taken up where it broke. */
export async function* logLines(options: LogStreamOptions): AsyncGenerator<LogLine, void> {
  const { url, follow, signal, firstDelayMs } = options;
  let last = options.after;
  let failures = 0;
  while (true) {
    let broke: unknown;
    const response = await connect(options, last, failures > 0);
    try {
      for await (const event of events(response)) {
        if (event.event === 'end') return;
        if (event.event !== 'log') continue;
        yield JSON.parse(event.data) as LogLine;
        last = event.id ?? last;
        failures = 0;
      }
      // A server that is shut down ends the stream without saying that the job ended.
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof BrokenStream)) throw error;
      broke = error.cause;
    }
    failures++;
    if (failures > (follow ? manyRetries : fewRetries)) {
      throw new ConnectionError({ server: new URL(url).origin, cause: broke ?? 'the log ends too early' });
    }
    await pause(Math.min(firstDelayMs * 2 ** (failures - 1), 5_000), signal);
  }
}

function connect(
  { send, url, headers, follow, signal }: LogStreamOptions,
  last: string | undefined,
  again: boolean,
): Promise<Response> {
  return send({
    request: () =>
      new Request(`${url}?follow=${follow ? 1 : 0}`, {
        headers: {
          ...headers,
          Accept: 'text/event-stream',
          ...(last !== undefined && { 'Last-Event-ID': last }),
        },
        redirect: 'manual',
        ...(signal && { signal }),
      }),
    retries: follow && again ? manyRetries : fewRetries,
  });
}

/** Tells a connection that broke, and can be made again, from a line that cannot be read. */
class BrokenStream extends Error {}

async function* events(response: Response): AsyncGenerator<EventSourceMessage> {
  const decoder = new TextDecoder();
  const parsed: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => parsed.push(event) });
  const chunks = response.body?.[Symbol.asyncIterator]();
  try {
    while (chunks) {
      const next = await chunks.next().catch((cause: unknown) => {
        throw new BrokenStream('', { cause });
      });
      if (next.done) return;
      parser.feed(decoder.decode(next.value as Uint8Array, { stream: true }));
      yield* parsed.splice(0);
    }
  } finally {
    // Closes the connection when the consumer has enough.
    await chunks?.return?.().catch(() => undefined);
  }
}
