import { randomUUID } from 'node:crypto';
import {
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Connection } from '../protocol/connection.js';
import {
  frame,
  GrpcError,
  grpcCodes,
  grpcContentType,
  initialWindowSize,
  maxHeaderLines,
  maxHeaderListSize,
  messagesOf,
  trailers,
} from '../protocol/grpc.js';
import { empty, healthResponse } from '../protocol/messages.js';
import type { Message } from '../protocol/protobuf.js';
import { Tunnel } from '../protocol/tunnel.js';

/** Answers a call of the daemon. `lines` returns the values of a header. What it throws becomes the status of the call. */
export type Handler = (stream: ServerHttp2Stream, lines: (header: string) => string[]) => Promise<void>;

/** Handlers by their paths, `/package.Service/Method`. */
export type Handlers = Readonly<Record<string, Handler>>;

/** A handler of one request and one answer. */
export function unary<Q, A>({
  request,
  response,
  answer,
}: {
  readonly request: Message<Q>;
  readonly response: Message<A>;
  readonly answer: (request: Q) => Promise<Partial<A>> | Partial<A>;
}): Handler {
  return async (stream) => {
    for await (const asked of messagesOf(stream, request)) {
      stream.write(frame(response, await answer(asked)));
      return;
    }
  };
}

const serving = 1;
const health = unary({ request: empty, response: healthResponse, answer: () => ({ status: serving }) });

/** Offers files, secrets and credentials to the daemon while a build runs. */
export class Session {
  readonly id = randomUUID();
  /** The first error of a handler that is no answer to the daemon. It says more than what the daemon makes of it. */
  fault: unknown;
  readonly #server: ServerHttp2Session;

  constructor({ connection, handlers }: { readonly connection: Connection; readonly handlers: Handlers }) {
    const call = connection.open('/moby.buildkit.v1.Control/Session', {
      headers: {
        'x-docker-expose-session-uuid': this.id,
        'x-docker-expose-session-sharedkey': '',
        'x-docker-expose-session-grpc-method': Object.keys(handlers),
      },
    });
    // The end of the connection is reported by the call that solves.
    call.on('error', () => undefined);
    this.#server = performServerHandshake(new Tunnel(call), {
      settings: { maxHeaderListSize, initialWindowSize },
      maxHeaderListPairs: maxHeaderLines,
      maxSessionMemory: 1_000,
    });
    this.#server.on('error', () => undefined);
    const all: Handlers = { ...handlers, '/grpc.health.v1.Health/Check': health };
    this.#server.on(
      'stream',
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: readonly string[]) => {
        stream.on('error', () => undefined);
        const lines = (header: string) => raw.filter((_text, at) => at % 2 === 1 && raw[at - 1] === header);
        void this.#answer(stream, lines, all[headers[':path'] ?? '']);
      },
    );
  }

  close(): void {
    this.#server.destroy();
  }

  async #answer(
    stream: ServerHttp2Stream,
    lines: (header: string) => string[],
    handler: Handler | undefined,
  ): Promise<void> {
    // The daemon may take a call back before it is seen here.
    if (stream.destroyed) return;
    let error: GrpcError | undefined;
    stream.once('wantTrailers', () => {
      if (!stream.destroyed) stream.sendTrailers(trailers(error));
    });
    stream.respond({ 'content-type': grpcContentType }, { waitForTrailers: true });
    try {
      if (!handler) throw new GrpcError({ code: grpcCodes.unimplemented, message: 'unknown method' });
      await handler(stream, lines);
    } catch (thrown) {
      // A call that the daemon has given up.
      if (stream.destroyed) return;
      if (!(thrown instanceof GrpcError)) this.fault ??= thrown;
      error =
        thrown instanceof GrpcError
          ? thrown
          : new GrpcError({ code: grpcCodes.internal, message: (thrown as Error).message });
    }
    if (!stream.destroyed) stream.end();
  }
}
