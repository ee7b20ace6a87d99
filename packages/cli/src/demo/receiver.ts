import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

/** A received webhook message. */
export interface Received {
  /** True when the signature matches the secret of the job's callback (Standard Webhooks). */
  readonly valid: boolean;
  readonly id: string;
  readonly body: string;
  readonly type: string;
}

export interface Receiver {
  /** Returns the callback settings for a job. */
  callback(name: string): { url: string; secret: string };
  /** Returns the message for the callback of this name, once it has arrived. */
  message(name: string): Promise<Received>;
  close(): Promise<void>;
}

/** Receives webhooks on 127.0.0.1 as a CI system would, and checks their signatures. */
export async function startReceiver(): Promise<Receiver> {
  const expected = new Map<string, Expected>();
  const server = createServer(async (req, res) => {
    const name = decodeURIComponent((req.url ?? '').slice('/hooks/'.length));
    const entry = expected.get(name);
    if (req.method !== 'POST' || !entry) {
      res.writeHead(404).end();
      return;
    }
    const message = await read(req, entry.secret);
    res.writeHead(message.valid ? 204 : 401).end();
    entry.settle(message);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    callback(name) {
      const secret = `whsec_${randomBytes(24).toString('base64')}`;
      expected.set(name, createExpected(secret));
      return { url: `http://127.0.0.1:${port}/hooks/${encodeURIComponent(name)}`, secret };
    },
    async message(name) {
      const entry = expected.get(name);
      if (!entry) throw new Error(`no callback was made for ${name}`);
      return entry.message;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Expected {
  readonly secret: string;
  readonly message: Promise<Received>;
  readonly settle: (message: Received) => void;
}

function createExpected(secret: string): Expected {
  let settle: (message: Received) => void = () => undefined;
  const message = new Promise<Received>((resolve) => {
    settle = resolve;
  });
  return { secret, message, settle };
}

async function read(req: IncomingMessage, secret: string): Promise<Received> {
  const body = await text(req);
  const id = String(req.headers['webhook-id'] ?? '');
  try {
    const message = new Webhook(secret).verify(body, req.headers as Record<string, string>) as {
      type: string;
    };
    return { valid: true, id, body, type: message.type };
  } catch {
    return { valid: false, id, body, type: 'unknown' };
  }
}
