import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import {
  cancelled,
  errorIn,
  frame,
  type GrpcError,
  grpcContentType,
  initialWindowSize,
  maxHeaderBytes,
  maxHeaderLines,
  messagesOf,
} from './grpc.js';
import type { Message } from './protobuf.js';

interface Method<Q, A> {
  readonly path: string;
  readonly request: Message<Q>;
  readonly response: Message<A>;
}

/** A connection to a BuildKit daemon. Calls that are open when it breaks reject with an Error that is no `GrpcError`. */
export class Connection {
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #connected: Promise<void>;

  /** `address` is `unix://…` or `tcp://…`. Returns at once; the calls wait for the connection. */
  constructor(address: string) {
    this.#socket = socketTo(address);
    this.#socket.setKeepAlive(true, 30_000);
    this.#session = connect('http://buildkit', {
      createConnection: () => this.#socket,
      // The peer cuts what does not fit, the details of an error, off the one call.
      settings: { maxHeaderListSize: maxHeaderBytes, initialWindowSize, enablePush: false },
      maxHeaderListPairs: maxHeaderLines,
      // Pieces of sources wait in memory for the peer, so it is not the memory of the session that bounds them.
      maxSessionMemory: 1_000,
    });
    this.#connected = new Promise((resolve, reject) => {
      this.#session.once('connect', () => resolve());
      this.#session.once('error', reject);
      this.#session.once('close', () => reject(new Error('the connection was closed')));
    });
    this.#connected.catch(() => undefined);
    // Each open call gets the error of the connection.
    this.#session.on('error', () => undefined);
  }

  /** Rejects with the error of the system when the daemon does not listen. */
  connected(): Promise<void> {
    return this.#connected;
  }

  /** Opens a call whose messages the caller reads and writes. Aborting the signal cancels it. */
  open(path: string, { headers = {}, signal }: OpenOptions = {}): ClientHttp2Stream {
    const stream = this.#session.request(
      {
        ...headers,
        ':method': 'POST',
        ':path': path,
        'content-type': grpcContentType,
        te: 'trailers',
      },
      { endStream: false },
    );
    const cancel = () => stream.close(cancelled);
    signal?.addEventListener('abort', cancel);
    stream.once('close', () => signal?.removeEventListener('abort', cancel));
    if (signal?.aborted) cancel();
    return stream;
  }

  /** Calls a method with one request. Yields the answers. Rejects with the daemon's `GrpcError`. */
  async *stream<Q, A>(
    method: Method<Q, A>,
    request: Partial<Q>,
    signal?: AbortSignal,
  ): AsyncGenerator<A, void> {
    await this.#connected;
    const stream = this.open(method.path, signal && { signal });
    const ended = endOf(stream);
    ended.catch(() => undefined);
    stream.end(frame(method.request, request));
    yield* messagesOf(stream, method.response);
    const error = await ended;
    if (error) throw error;
  }

  /** Calls a method with one request and one answer. */
  async call<Q, A>(method: Method<Q, A>, request: Partial<Q>, signal?: AbortSignal): Promise<A> {
    let answer: A | undefined;
    for await (const each of this.stream(method, request, signal)) answer = each;
    if (answer === undefined) throw new Error('the daemon sent no answer');
    return answer;
  }

  close(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }
}

interface OpenOptions {
  readonly headers?: OutgoingHttpHeaders;
  readonly signal?: AbortSignal;
}

/** Resolves at the end of a call, with its error if it has one. Rejects when the call ended without a status. */
function endOf(stream: ClientHttp2Stream): Promise<GrpcError | undefined> {
  return new Promise((resolve, reject) => {
    const take = (headers: IncomingHttpHeaders) => {
      if (headers['grpc-status'] !== undefined) resolve(errorIn(headers));
    };
    stream.on('response', take);
    stream.on('trailers', take);
    stream.on('error', reject);
    stream.on('close', () => reject(new Error('the call ended without a status')));
  });
}

function socketTo(address: string): Socket {
  if (address.startsWith('unix://')) return connectSocket(address.slice('unix://'.length));
  const { hostname, port } = new URL(address);
  return connectSocket({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 1234) });
}
