import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BuilderResult } from '@slipway/shared/contracts';

/** A last word in any of the spellings that builders use. */
export type LastWord = Omit<BuilderResult, 'status' | 'digest'> & { readonly status: string };

/** Sends a build's log and end to the client: as NDJSON while it runs if the client asks for it, else as one object at the end. */
export interface Answer {
  log(line: string): void;
  /** A stream reports that the simulator drains. */
  drain(): void;
  /** The last word; nothing may follow. */
  end(last: LastWord): void;
}

export function answerTo(request: IncomingMessage, response: ServerResponse): Answer {
  const streams = request.headers.accept?.includes('application/x-ndjson') ?? false;
  return streams ? streamed(response) : buffered(response);
}

function streamed(response: ServerResponse): Answer {
  const say = (line: object) => `${JSON.stringify(line)}\n`;
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  return {
    log: (line) => response.write(say({ log: [line], status: 'in_progress' })),
    drain: () => {
      if (!response.writableEnded) response.write(say({ log: [], status: 'in_progress', draining: true }));
    },
    end: (last) => response.end(say(last)),
  };
}

function buffered(response: ServerResponse): Answer {
  const log: string[] = [];
  return {
    log: (line) => log.push(line),
    drain: () => undefined,
    end: (last) => endWithJson(response, 200, { log, ...last }),
  };
}

export function endWithJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
