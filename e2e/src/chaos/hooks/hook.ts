import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JobMessage } from '@slipway/shared/contracts';
import { Webhook } from 'standardwebhooks';

/**
 * The hook's reaction to requests: answers with a status, redirects, never answers, or refuses connections. `flaky` answers the first
 * request of a random share of the messages with 500.
 */
export type Manner =
  | { readonly status: number }
  | { readonly redirect: string }
  | { readonly flaky: { readonly share: number; readonly random: () => number } }
  | 'hang'
  | 'down';

/** The messages received under one `webhook-id`. */
export interface Arrived {
  readonly type: string;
  readonly job: string;
  readonly state: string;
  readonly sequence: number;
  /** Hashes of the bodies. More than one means that the message changed between deliveries. */
  readonly bodies: Set<string>;
  /** The number of requests answered with 2xx. */
  taken: number;
}

/** A receiver of one endpoint's messages with configurable faults. It checks signatures, and remembers the accepted messages. */
export interface Hook {
  readonly name: string;
  readonly url: string;
  /** The messages answered with 2xx, by `webhook-id`. */
  readonly taken: ReadonlyMap<string, Arrived>;
  /** Requests of any kind. */
  readonly requests: () => number;
  readonly badSignatures: () => number;
  behave(manner: Manner): Promise<void>;
  stop(): void;
}

interface HookOptions {
  readonly name: string;
  /** Returns the endpoint's secret, which exists only after the endpoint is made. */
  readonly secret: () => string;
}

export async function startHook({ name, secret }: HookOptions): Promise<Hook> {
  const taken = new Map<string, Arrived>();
  /** Messages whose first request a flaky hook has decided on. */
  const drawn = new Set<string>();
  let manner: Manner = { status: 204 };
  let requests = 0;
  let badSignatures = 0;
  let server: Server | undefined;
  let port = 0;

  const take = (req: IncomingMessage, body: string) => {
    const message = new Webhook(secret()).verify(body, req.headers as Record<string, string>) as JobMessage;
    const id = String(req.headers['webhook-id']);
    const { job, sequence } = message.data;
    const { type } = message;
    const arrived = taken.get(id) ?? {
      type,
      job: job.id,
      state: job.state,
      sequence,
      bodies: new Set<string>(),
      taken: 0,
    };
    arrived.bodies.add(createHash('sha256').update(body).digest('hex'));
    arrived.taken++;
    taken.set(id, arrived);
  };

  const isFirst = ({ headers }: IncomingMessage) => {
    const id = String(headers['webhook-id']);
    return !drawn.has(id) && drawn.add(id) !== undefined;
  };

  const answer = async (req: IncomingMessage, res: ServerResponse) => {
    requests++;
    const body = Buffer.concat(await req.toArray()).toString('utf8');
    const now = manner;
    if (now === 'hang' || now === 'down') return;
    if ('redirect' in now) return void res.writeHead(302, { location: now.redirect }).end();
    if ('flaky' in now && isFirst(req) && now.flaky.random() < now.flaky.share)
      return void res.writeHead(500).end();
    if ('status' in now && (now.status < 200 || now.status > 299))
      return void res.writeHead(now.status).end();
    try {
      take(req, body);
    } catch {
      badSignatures++;
      return void res.writeHead(400).end();
    }
    res.writeHead(204).end();
  };

  const listen = async () => {
    server = createServer((req, res) => {
      answer(req, res).catch(() => res.destroy());
    });
    await new Promise<void>((resolve, reject) => {
      server?.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    port = (server.address() as AddressInfo).port;
  };
  const close = () => {
    server?.close();
    server?.closeAllConnections();
    server = undefined;
  };

  await listen();
  return {
    name,
    url: `http://127.0.0.1:${port}/${name}`,
    taken,
    requests: () => requests,
    badSignatures: () => badSignatures,
    async behave(next) {
      manner = next;
      if (next === 'down') close();
      else if (!server) await listen();
    },
    stop: close,
  };
}
