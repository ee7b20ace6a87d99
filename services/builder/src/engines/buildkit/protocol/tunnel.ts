import { Duplex } from 'node:stream';
import { framePrefix, messagesOf } from './grpc.js';
import { bytesMessage, dataField } from './messages.js';
import { bytesPrefix } from './protobuf.js';

/** A connection inside a call of `Control.Session`: the daemon speaks HTTP/2 through it, with the builder as the server. */
export class Tunnel extends Duplex {
  readonly #stream: Duplex;
  readonly #pieces: AsyncIterator<{ readonly data: Uint8Array }>;

  constructor(stream: Duplex) {
    super();
    this.#stream = stream;
    this.#pieces = messagesOf(stream, bytesMessage);
    stream.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#pieces.next().then(
      ({ done, value }) => this.push(done ? null : value.data),
      () => this.destroy(),
    );
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this._writev([{ chunk }], done);
  }

  /** Writes the pieces as one message, without a copy. */
  override _writev(pieces: { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const stream = this.#stream;
    stream.cork();
    const length = pieces.reduce((sum, { chunk }) => sum + chunk.length, 0);
    const field = bytesPrefix(dataField, length);
    stream.write(Buffer.concat([framePrefix(field.length + length), field]));
    for (const [at, { chunk }] of pieces.entries())
      stream.write(chunk, at === pieces.length - 1 ? done : undefined);
    stream.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#stream.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stream.destroy();
    done(error);
  }
}
