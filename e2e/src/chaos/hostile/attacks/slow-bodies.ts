import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { digestOf } from '@slipway/source/hostile';
import type { Attack } from '../attack.js';

/** The source of the batches. */
const files = { Dockerfile: 'FROM scratch\n' };
const mebibyte = 1024 * 1024;
const bodies = 20;
/** Far below the time that a slow body may take. */
const patienceMs = 10_000;

/** Begins large batches that come slowly, while another tenant submits a large batch. */
export const slowBodies: Attack = {
  name: 'slow-bodies',
  async run({ url, port, token, note, addTenant }) {
    const patient = await addTenant({ name: 'patient' });
    const sockets: Socket[] = [];
    try {
      for (let at = 0; at < bodies; at++) sockets.push(await begin(port, token));
      const status = await submit(url, patient);
      if (status !== 200) note(`the batch of another tenant was answered with ${status}`);
      return {
        faults: { held_up: status === 200 ? 0 : 1 },
        facts: { slow_bodies: sockets.length },
        mayBeStored: [digestOf(files)],
      };
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  },
};

async function begin(port: number, token: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const head = `POST /v1/batches HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n`;
  socket.write(`${head}Content-Type: application/json\r\nContent-Length: ${16 * mebibyte}\r\n\r\n`);
  socket.resume().write(`{"items":[${' '.repeat(100_000)}`);
  return socket;
}

/** Returns the status for a batch of two mebibytes that is only planned, or 0 without an answer in time. */
async function submit(url: string, token: string): Promise<number> {
  const items = Array.from({ length: 70 }, (_, at) => ({
    image: `registry.invalid/patient/a:${at}`,
    build_args: { padding: 'x'.repeat(30_000) },
  }));
  const source = { files };
  const answer = await fetch(`${url}/v1/batches`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ dry_run: true, defaults: { source }, items }),
    signal: AbortSignal.timeout(patienceMs),
  }).catch(() => undefined);
  await answer?.arrayBuffer();
  return answer?.status ?? 0;
}
