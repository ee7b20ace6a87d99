import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { Secret } from '@slipway/shared/config';
import { formatSignature, payloadHmac, signatureHeader } from '@slipway/shared/signing';
import { packFiles } from '@slipway/source';
import { digestOf } from '@slipway/source/hostile';
import type { Attack } from '../attack.js';
import { isRefusal, post } from '../post.js';

const dockerfile = 'FROM scratch\n';
const mebibyte = 1024 * 1024;
const wrong = `sha256=${'0'.repeat(64)}`;
/** Wrong signatures after which the network counts as suspect. */
const wrongSignatures = 30;
const stalled = 40;
const stalledBytes = 8 * mebibyte;
/** The most bytes that may be stored: one stalled payload at a time, plus the small payloads of other tenants. */
const mostBytes = 2 * stalledBytes;

/** Sends payloads with wrong signatures, then many that stop before their end, while a right one comes from the same network. */
export const unverifiedPayloads: Attack = {
  name: 'unverified-payloads',
  async run({ url, port, fleet, payloadSecret, note }) {
    const folder = join(fleet.folder, 'blobs', '.tmp');
    const body = Buffer.concat([
      ...packFiles({
        'com.openfaas.docker.config': JSON.stringify({ image: 'registry.invalid/hostile/right:1' }),
        'context/Dockerfile': dockerfile,
      }),
    ]);
    const send = (signature: string) =>
      post({
        url: `${url}/build`,
        body,
        headers: { [signatureHeader]: signature, 'content-type': 'application/octet-stream' },
      });
    let bad = 0;
    for (let at = 0; at <= wrongSignatures; at++) {
      const answer = await send(wrong);
      if (isRefusal(answer, at < wrongSignatures ? 'signature_invalid' : 'too_many_failures')) continue;
      bad++;
      note(`wrong signature ${at} was answered with ${answer.status} ${answer.body.code}`);
    }
    const sockets: Socket[] = [];
    try {
      for (let at = 0; at < stalled; at++) sockets.push(await begin(port));
      const hmac = payloadHmac(new Secret(payloadSecret)).update(body);
      const [right, peak] = await Promise.all([send(formatSignature(hmac)), sizeOf(folder)]);
      if (right.status !== 200)
        note(`the right payload was answered with ${right.status} ${right.body.code}`);
      const most = Math.max(peak, await sizeOf(folder));
      if (most > mostBytes) note(`${most} bytes of payloads lay on the disk`);
      return {
        faults: {
          wrong_answers: bad,
          right_refused: right.status === 200 ? 0 : 1,
          unverified_over: Math.max(0, most - mostBytes),
        },
        facts: { unverified: wrongSignatures + stalled, unverified_mb: Math.round(most / mebibyte) },
        mayBeStored: [digestOf({ Dockerfile: dockerfile })],
      };
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  },
};

/** Begins a payload, and stops before its end. The API has its request by then, so a later request counts as newer. */
async function begin(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  const head = `POST /build HTTP/1.1\r\nHost: 127.0.0.1\r\n${signatureHeader}: ${wrong}\r\n`;
  socket.write(`${head}Expect: 100-continue\r\nContent-Length: ${stalledBytes}\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  if (!answer.toString().startsWith('HTTP/1.1 100 '))
    throw new Error(`a payload was answered with ${answer}`);
  socket.resume().write(Buffer.alloc(stalledBytes - 1));
  return socket;
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder);
  const found = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return found.reduce((sum, each) => sum + (each?.size ?? 0), 0);
}
