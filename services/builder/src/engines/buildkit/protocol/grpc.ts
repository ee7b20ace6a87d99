import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Message } from './protobuf.js';

/** The parts of gRPC over HTTP/2 that client and server share: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. */

/** The used codes of gRPC. */
export const grpcCodes = { ok: 0, unknown: 2, notFound: 5, unimplemented: 12, internal: 13 } as const;

export const grpcContentType = 'application/grpc';

/** Limit of the headers of a message, in bytes. nghttp2, and so Node.js, ends a connection whose headers take more than nine frames of 16 KiB. */
export const maxHeaderBytes = 140_000;
/** More than the patterns of an ignore file, which come as one header line each. */
export const maxHeaderLines = 16_384;
/** The peer compares this limit with the length of the headers and 32 bytes for each line, which are not sent. */
export const maxHeaderListSize = maxHeaderBytes + maxHeaderLines * 64;

export const initialWindowSize = 1024 * 1024;

/** Larger messages are no messages of BuildKit. */
const maxMessageBytes = 64 * 1024 * 1024;

/** The names that Go gives the codes, in their order. */
const codeNames = (
  'OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted ' +
  'FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated'
).split(' ');

/** The peer's answer to a call. */
export class GrpcError extends Error {
  readonly code: number;

  /** The message as BuildKit's own client shows it. */
  get shown(): string {
    const name = codeNames[this.code] ?? `Code(${this.code})`;
    return this.code === grpcCodes.unknown ? this.message : `${name}: ${this.message}`;
  }

  constructor({ code, message }: { readonly code: number; readonly message: string }) {
    super(message);
    this.code = code;
  }
}

/** Returns the bytes of a message on a stream. */
export function frame<T>(of: Message<T>, value: Partial<T>): Buffer {
  return Buffer.concat(framed(of, value));
}

function framed<T>(of: Message<T>, value: Partial<T>): Buffer[] {
  const parts = of.encode(value);
  return [framePrefix(parts.reduce((sum, part) => sum + part.length, 0)), ...parts];
}

/** Returns what stands before a message: that it is not compressed, and its length in bytes. */
export function framePrefix(length: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

/** Writes a large message without a copy. Resolves when its bytes have left this process, so that their memory may be used again. */
export async function writeFrame<T>(stream: Duplex, of: Message<T>, value: Partial<T>): Promise<void> {
  const parts = framed(of, value);
  const content = parts.pop() as Buffer;
  stream.cork();
  stream.write(Buffer.concat(parts));
  const written = new Promise<void>((resolve, reject) => {
    stream.write(content, (error) => (error ? reject(error) : resolve()));
  });
  stream.uncork();
  await written;
}

/** Yields the messages of a stream until its end. A caller that stops reading leaves the stream open. */
export async function* messagesOf<T>(stream: Duplex, of: Message<T>): AsyncGenerator<T> {
  let held: Buffer[] = [];
  let size = 0;
  let wanted = 5;
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    held.push(chunk);
    size += chunk.length;
    if (size < wanted) continue;
    let joined = held.length === 1 ? chunk : Buffer.concat(held);
    for (wanted = 5; joined.length >= wanted; joined = joined.subarray(wanted), wanted = 5) {
      const length = joined.readUInt32BE(1);
      if (joined[0] !== 0 || length > maxMessageBytes)
        throw new Error('the peer sent a message that is compressed or too large');
      wanted = 5 + length;
      if (joined.length < wanted) break;
      yield of.decode(joined.subarray(5, wanted));
    }
    held = [joined];
    size = joined.length;
  }
}

/** Writes to a stream, and resolves when more may be written. Rejects when the stream is closed before. */
export async function write(stream: Duplex, bytes: Buffer): Promise<void> {
  if (stream.destroyed) throw new Error('the stream is closed');
  if (stream.write(bytes)) return;
  await new Promise<void>((resolve, reject) => {
    const settle = () => {
      stream.off('drain', settle);
      stream.off('close', settle);
      if (stream.destroyed) reject(new Error('the stream is closed'));
      else resolve();
    };
    stream.on('drain', settle);
    stream.on('close', settle);
  });
}

/** Returns the error that trailers name; undefined for success or without a status. */
export function errorIn(headers: IncomingHttpHeaders): GrpcError | undefined {
  const code = Number(headers['grpc-status'] ?? 0);
  if (code === grpcCodes.ok) return undefined;
  const text = String(headers['grpc-message'] ?? '');
  return new GrpcError({ code, message: percentDecoded(text) || `gRPC status ${code}` });
}

/** Returns trailers that say how a call ended. */
export function trailers(error?: GrpcError): OutgoingHttpHeaders {
  if (!error) return { 'grpc-status': grpcCodes.ok };
  const message = error.message.slice(0, 4_000).replace(/[^ -$&-~]/gu, (char) => encodeURIComponent(char));
  return { 'grpc-status': error.code, 'grpc-message': message };
}

/** The bytes of a message may be no whole UTF-8. */
function percentDecoded(text: string): string {
  const pieces = text.split(/((?:%[0-9A-Fa-f]{2})+)/);
  return pieces
    .map((piece, at) => (at % 2 === 1 ? Buffer.from(piece.replaceAll('%', ''), 'hex').toString() : piece))
    .join('');
}

export const cancelled = constants.NGHTTP2_CANCEL;
