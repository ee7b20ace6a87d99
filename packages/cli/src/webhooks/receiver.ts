import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { type Forwarded, forward } from './forward.js';

/** A received message and its outcome. */
export interface Received {
  /** Time of arrival in milliseconds since the epoch. */
  readonly at: number;
  /** The `webhook-id`: the same in all attempts. */
  readonly id: string;
  /** True when this id has arrived before with a valid signature. */
  readonly again: boolean;
  /** The reason why the signature is invalid; undefined when it is valid. */
  readonly refused: string | undefined;
  /** The body as JSON, or as text if it is not JSON. */
  readonly message: unknown;
  /** The answer of the program behind `--forward`. */
  readonly forwarded: Forwarded | undefined;
  /** The status of the answer. */
  readonly status: number;
}

interface ReceiverOptions {
  /** Port to listen on; 0 for a free port. */
  readonly port: number;
  readonly forwardTo: URL | undefined;
  readonly onReceived: (received: Received) => void;
  /** Called with unexpected errors. */
  readonly onDefect: (error: unknown) => void;
}

export interface Receiver {
  readonly port: number;
  /** Sets the secret, `whsec_…`, and answers the messages that arrived before. The port is needed first, to create the endpoint. */
  verifyWith(secret: string): void;
  /** Closes the server and its open requests. */
  close(): Promise<void>;
}

/** Limit of a message's size. Messages of Slipway have less than 20 KB. */
const maxBytes = 1024 * 1024;
/** Number of ids to remember, to tell a retry from a new message. */
const remembered = 10_000;

/**
 * Receives webhooks on 127.0.0.1 and verifies each by Standard Webhooks. Answers 204, or the answer of the forward target. A message without a valid
 * signature gets 401 and is never forwarded. Rejects with a system error when the port is in use.
 */
export async function startReceiver({
  port,
  forwardTo,
  onReceived,
  onDefect,
}: ReceiverOptions): Promise<Receiver> {
  let verifyWith: (secret: string) => void = () => undefined;
  const secret = new Promise<string>((resolve) => {
    verifyWith = resolve;
  });
  const seen = new Set<string>();
  const closing = new AbortController();
  const receive = async (req: IncomingMessage, res: ServerResponse) => {
    if (req.method !== 'POST') return void res.writeHead(405, { allow: 'POST' }).end();
    const body = await readBody(req);
    if (body === undefined) return void res.writeHead(413, { connection: 'close' }).end();
    const at = Date.now();
    const id = String(req.headers['webhook-id'] ?? '');
    const refused = verify({ body, headers: req.headers, secret: await secret });
    const again = refused === undefined && seen.has(id);
    const forwarded =
      refused === undefined && forwardTo
        ? await forward({ to: forwardTo, headers: req.headers, body, signal: closing.signal })
        : undefined;
    if (refused === undefined) remember(seen, id);
    const status = refused === undefined ? (forwarded?.status ?? (forwarded ? 502 : 204)) : 401;
    res.writeHead(status, forwarded?.headers ?? {}).end(forwarded?.body);
    onReceived({ at, id, again, refused, message: parsed(body), forwarded, status });
  };
  const server = createServer((req, res) => {
    receive(req, res).catch((error: unknown) => {
      res.destroy();
      // The sender disconnected, and will retry.
      if (req.complete) onDefect(error);
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    verifyWith,
    async close() {
      closing.abort();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Returns the body, or undefined when it is too long. */
async function readBody(req: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

interface Verify {
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
  readonly secret: string;
}

/** Returns the reason why the signature is invalid, or undefined. */
function verify({ body, headers, secret }: Verify): string | undefined {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>, { jsonParse: false });
    return undefined;
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    return reasons[error.message] ?? error.message;
  }
}

const reasons: Readonly<Record<string, string>> = {
  'Missing required headers': 'it is not signed (webhook-id, webhook-timestamp, webhook-signature)',
  'No matching signature found': 'it was signed with another secret, or changed on its way',
  'Message timestamp too old': 'it was signed more than five minutes ago',
  'Message timestamp too new': 'it was signed for more than five minutes from now: a clock is wrong',
};

function remember(seen: Set<string>, id: string): void {
  seen.add(id);
  const [oldest] = seen;
  if (seen.size > remembered && oldest !== undefined) seen.delete(oldest);
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return body;
  }
}
