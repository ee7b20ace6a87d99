import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

interface SlowOptions {
  /** Of an API. */
  readonly url: string;
  readonly token: string;
  /** How many of each kind. */
  readonly count: number;
}

/** The time for headers (10 s), that over which the pace of a body is taken (15 s), for it to look, and some. */
const headersPatienceMs = 45_000;

/** Requests that go on for ever: headers that never end, and bodies of which one byte comes now and then. */
export async function openSlowRequests({ url, token, count }: SlowOptions) {
  const port = Number(new URL(url).port);
  const halfHeaders = `POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: `;
  const halfBody =
    `POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n` +
    'Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{';
  const open = async (begin: string) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.resume().write(begin);
    const drip = setInterval(() => socket.write(' '), 1_000);
    socket.once('close', () => clearInterval(drip));
    return socket;
  };
  const sockets: Socket[] = [];
  for (let at = 0; at < count; at++) sockets.push(await open(halfHeaders), await open(halfBody));
  return {
    /** How many the server has not ended by itself, once it has had the time. */
    async unended(): Promise<number> {
      const until = performance.now() + headersPatienceMs;
      const left = () => sockets.filter((socket) => !socket.closed).length;
      while (left() > 0 && performance.now() < until) await sleep(500);
      return left();
    },
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}
