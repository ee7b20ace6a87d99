import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Attack } from '../attack.js';

/** More connections than a server's total limit. */
const count = 4_200;
/** An address of this machine outside the neighbor's network. */
const localAddress = '127.0.0.2';
const checks = 10;

/** Opens thousands of connections from one address that send nothing. Health checks, and other addresses, must not notice. */
export const idleConnections: Attack = {
  name: 'idle-connections',
  async run({ url, port, note }) {
    const sockets: Socket[] = [];
    const openOne = async () => {
      const socket = connect({ port, host: '127.0.0.1', localAddress });
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.resume();
      await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => undefined);
    };
    const left = () => sockets.filter((socket) => socket.readyState === 'open').length;
    let unhealthy = 0;
    let most = 0;
    try {
      for (let at = 0; at < count; at += 100) {
        await Promise.all(Array.from({ length: 100 }, openOne));
        most = Math.max(most, left());
      }
      for (let at = 0; at < checks; at++) {
        const headers = { connection: 'close' };
        const health = await fetch(`${url}/healthz`, { headers }).catch((error: Error) => error);
        if (health instanceof Response && health.ok) continue;
        unhealthy++;
        note(`/healthz failed: ${health instanceof Response ? health.status : health.cause}`);
      }
      return { faults: { unhealthy }, facts: { idle_connections: sockets.length, idle_held: most } };
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  },
};
