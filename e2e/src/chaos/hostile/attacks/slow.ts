import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack } from '../attack.js';

/** The time for headers (10 s), the time over which the pace of a body is measured (15 s), and some for the checks. */
const patienceMs = 45_000;

/** Holds requests open for ever: headers that never end, and bodies that get one byte a second. The server must end them. */
export const slow: Attack = {
  name: 'slow',
  inBackground: true,
  async run({ port, token, count, quick, othersEnded }) {
    const halfHeaders = `POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: `;
    const halfBody =
      `POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n` +
      'Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{';
    const sockets: Socket[] = [];
    try {
      for (let at = 0; at < count; at++) {
        sockets.push(await open(port, halfHeaders), await open(port, halfBody));
      }
      if (!othersEnded.aborted) await once(othersEnded, 'abort');
      return {
        faults: { slow_unended: quick ? 0 : await unended(sockets) },
        facts: { slow: sockets.length },
      };
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  },
};

async function open(port: number, begin: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.resume().write(begin);
  const drip = setInterval(() => socket.write(' '), 1_000);
  socket.once('close', () => clearInterval(drip));
  return socket;
}

/** Returns the number of sockets that the server has not closed within the time that its settings allow. */
async function unended(sockets: readonly Socket[]): Promise<number> {
  const until = performance.now() + patienceMs;
  const left = () => sockets.filter((socket) => !socket.closed).length;
  while (left() > 0 && performance.now() < until) await sleep(500);
  return left();
}
