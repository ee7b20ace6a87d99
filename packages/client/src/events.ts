import type { Batch } from './batches.js';
import { eventStream } from './event-stream.js';
import type { components } from './schema.js';
import type { Send } from './send.js';

/** An event in the installation that the token may see. */
export type LiveEvent =
  /** The stream is open. Events from now on follow. */
  | { readonly type: 'ready'; readonly position: string }
  /** Events may have been missed. The consumer reads its data again. */
  | { readonly type: 'reset'; readonly position: string }
  | { readonly type: 'job'; readonly position: string; readonly job: LiveJob }
  /** A batch has ended. */
  | { readonly type: 'batch.finished'; readonly position: string; readonly batch: Batch }
  | { readonly type: 'builder'; readonly position: string; readonly builder: LiveBuilder }
  | { readonly type: 'webhook'; readonly position: string; readonly webhook: LiveWebhook }
  | { readonly type: 'base_image.changed'; readonly position: string; readonly baseImage: LiveBaseImage }
  /** Nothing has happened for a while; the stream is alive. */
  | { readonly type: 'idle' };

type Schemas = components['schemas'];
/** A job that has changed. */
export type LiveJob = Schemas['LiveJob'];
/** A builder whose circuit has opened or closed. */
type LiveBuilder = Schemas['LiveBuilder'];
/** An endpoint that was disabled. */
type LiveWebhook = Schemas['LiveWebhook'];

/** A base image with another digest in its registry. */
type LiveBaseImage = Schemas['LiveBaseImage'];

export interface EventCalls {
  /**
   * Yields live events without end. A broken connection resumes where it broke. Throws `ConnectionError` when reconnecting
   * fails for a second and a half. `after`: the position of an event; the stream begins after it.
   */
  followEvents(options: {
    readonly after?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  }): AsyncGenerator<LiveEvent, void>;
}

interface EventCallsOptions {
  readonly send: Send;
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly firstDelayMs: number;
}

export function eventCalls({ baseUrl, ...rest }: EventCallsOptions): EventCalls {
  return {
    async *followEvents({ after, signal }) {
      const url = `${baseUrl}/v1/events`;
      // No event ends it.
      const stream = eventStream({ ...rest, url, end: '', patient: false, after, signal });
      for await (const { event: type, id: position = '', data } of stream) {
        if (type === 'ready' || type === 'reset') yield { type, position };
        else if (type === 'job') yield { type, position, job: JSON.parse(data) as LiveJob };
        else if (type === 'batch.finished') yield { type, position, batch: JSON.parse(data) as Batch };
        else if (type === 'builder') yield { type, position, builder: JSON.parse(data) as LiveBuilder };
        else if (type === 'webhook') yield { type, position, webhook: JSON.parse(data) as LiveWebhook };
        else if (type === 'base_image.changed')
          yield { type, position, baseImage: JSON.parse(data) as LiveBaseImage };
        else if (type === 'idle') yield { type };
      }
    },
  };
}
