import { connect } from 'node:net';
import type { RedisUsers } from '../shipped.js';

/** A server that speaks Redis' protocol on 127.0.0.1, and the user who asks it. */
export interface AskedRedis {
  readonly port: number;
  readonly users?: Pick<RedisUsers, 'user' | 'password'> | undefined;
}

const timeoutMs = 2_000;
const errorReply = /^-.*\r$/m;
/** Sentinels do not know QUIT, so the last reply must be recognised. */
const last = 'end-of-replies';

/**
 * Sends commands, each a line, over a connection of its own and returns the text of all replies. Rejects if a reply is an error, or
 * the server does not answer within 2 seconds.
 */
export function askRedis({ port, users }: AskedRedis, ...commands: string[]): Promise<string> {
  const login = users ? [`AUTH ${users.user} ${users.password}`] : [];
  const lines = [...login, ...commands, `PING ${last}`].map((line) => `${line}\r\n`);
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(lines.join('')));
    let replies = '';
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    socket.setEncoding('utf8').setTimeout(timeoutMs, () => {
      fail(new Error(`Redis at port ${port} did not answer within ${timeoutMs} ms: ${commands.join('; ')}`));
    });
    socket.on('data', (text: string) => {
      replies += text;
      const error = errorReply.exec(replies)?.[0];
      if (error !== undefined) {
        fail(new Error(`Redis at port ${port} answered ${error.trim()} to ${commands.join('; ')}`));
      } else if (replies.endsWith(`${last}\r\n`)) {
        socket.destroy();
        resolve(replies);
      }
    });
    socket
      .once('error', fail)
      .once('end', () => fail(new Error(`Redis at port ${port} closed the connection`)));
  });
}
