import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JobMessage } from '@slipway/shared/contracts';
import { Webhook } from 'standardwebhooks';

/** The messages about one job. */
interface JobMessages {
  /** `webhook-id` of each message. The same message may come again, under the same id. */
  readonly ids: Set<string>;
  readonly states: Set<string>;
}

/** A receiver of webhooks that checks every signature and remembers the messages. */
export interface Receiver {
  readonly callback: { readonly url: string; readonly secret: string };
  /** By the id of the job. */
  readonly received: ReadonlyMap<string, JobMessages>;
  readonly badSignatures: () => number;
  stop(): void;
}

/** `host`: the address to listen on. */
export async function startReceiver({ host = '127.0.0.1' } = {}): Promise<Receiver> {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const received = new Map<string, JobMessages>();
  let badSignatures = 0;
  const server = createServer(async (req, res) => {
    const body = Buffer.concat(await req.toArray()).toString('utf8');
    let message: JobMessage;
    try {
      message = new Webhook(secret).verify(body, req.headers as Record<string, string>) as JobMessage;
    } catch {
      badSignatures++;
      res.writeHead(400).end();
      return;
    }
    const { id, state } = message.data.job;
    const known = received.get(id) ?? { ids: new Set(), states: new Set() };
    known.ids.add(String(req.headers['webhook-id']));
    known.states.add(state);
    received.set(id, known);
    res.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    callback: { url: `http://${host}:${(server.address() as AddressInfo).port}/hook`, secret },
    received,
    badSignatures: () => badSignatures,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
