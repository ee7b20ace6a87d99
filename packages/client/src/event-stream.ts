import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { ConnectionError } from './errors.js';
import { fewRetries, manyRetries, pause, type Send } from './send.js';

interface EventStreamOptions {
  readonly send: Send;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The name of the last event. */
  readonly end: string;
  /** True keeps reconnecting for about a minute, for a caller that follows the stream. */
  readonly patient: boolean;
  /** The id of the last event received. The stream resumes after it. */
  readonly after: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly firstDelayMs: number;
}

/** Yields server-sent events (HTML Standard) up to and including the last. A broken stream resumes where it broke. */
export async function* eventStream(options: EventStreamOptions): AsyncGenerator<EventSourceMessage, void> {
  const { url, end, patient, signal, firstDelayMs } = options;
  let last = options.after;
  let failures = 0;
  while (true) {
    let broke: unknown;
    const response = await connect(options, last, failures > 0);
    try {
      for await (const event of events(response, signal)) {
        yield event;
        if (event.event === end) return;
        last = event.id ?? last;
        failures = 0;
      }
      // A server that is shut down ends the stream without the last event.
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof BrokenStream)) throw error;
      broke = error.cause;
    }
    failures++;
    if (failures > (patient ? manyRetries : fewRetries)) {
      throw new ConnectionError({ server: new URL(url).origin, cause: broke ?? 'the stream ends too early' });
    }
    await pause(Math.min(firstDelayMs * 2 ** (failures - 1), 5_000), signal);
  }
}

function connect(
  { send, url, headers, patient, signal }: EventStreamOptions,
  last: string | undefined,
  again: boolean,
): Promise<Response> {
  return send({
    request: () =>
      new Request(url, {
        headers: {
          ...headers,
          Accept: 'text/event-stream',
          ...(last !== undefined && { 'Last-Event-ID': last }),
        },
        redirect: 'manual',
        ...(signal && { signal }),
      }),
    retries: patient && again ? manyRetries : fewRetries,
  });
}

/** A broken connection, which can be made again. An unreadable event is another error. */
class BrokenStream extends Error {}

async function* events(
  response: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<EventSourceMessage> {
  const decoder = new TextDecoder();
  const parsed: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => parsed.push(event) });
  // Not every browser can iterate over a body.
  const chunks = response.body?.getReader();
  // In Node.js 20 a body no longer receives the abort signal once its request was garbage collected.
  const stop = () => void chunks?.cancel().catch(() => undefined);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    signal?.throwIfAborted();
    while (chunks) {
      const next = await chunks.read().catch((cause: unknown) => {
        throw new BrokenStream('', { cause });
      });
      if (next.done) return;
      parser.feed(decoder.decode(next.value, { stream: true }));
      yield* parsed.splice(0);
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    // Closes the connection when the consumer has enough.
    await chunks?.cancel().catch(() => undefined);
  }
}
