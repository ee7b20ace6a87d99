import { connect } from 'node:net';

/** The bytes received over a connection until it ended. */
export interface RawAnswer {
  /** The status of each answer, in order. Empty when the server closed the connection without an answer. */
  readonly statuses: readonly number[];
  readonly text: string;
  /** True when the server closed the connection within `patienceMs`. */
  readonly isClosed: boolean;
}

interface RawOptions {
  readonly port: number;
  /** Written one after the other. */
  readonly parts: readonly (string | Buffer)[];
  /** Milliseconds to wait for the connection to be closed. */
  readonly patienceMs: number;
  /** True to close the client's side of the connection after the last part. Default true. */
  readonly ends?: boolean;
}

/** Sends bytes, which may be invalid HTTP, and collects the answer until the server closes the connection. */
export function sendRaw({ port, parts, patienceMs, ends = true }: RawOptions): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    const finish = (isClosed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
      resolve({ statuses, text, isClosed });
    };
    const timer = setTimeout(() => finish(false), patienceMs);
    socket.setEncoding('latin1').on('data', (data) => {
      text += data;
    });
    // A reset is one way to refuse.
    socket.once('end', () => finish(true)).once('error', () => finish(true));
    socket.once('connect', () => {
      for (const part of parts) socket.write(part);
      if (ends) socket.end();
    });
  });
}
