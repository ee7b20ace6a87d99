import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Message } from '@slipway/shared/contracts';

export interface ReceivedCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The `webhook-id`. */
  readonly id: string;
}

/** Answers a call. A receiver without an answer hangs. */
type Behaviour = (res: ServerResponse, call: ReceivedCall) => void;

export interface Receiver {
  readonly url: string;
  readonly calls: ReceivedCall[];
  /** Returns the messages of the calls, in order of arrival. */
  messages(): Message[];
  /** Sets the behaviour for later calls. Default: it answers 204. */
  answer(behaviour: Behaviour): void;
  /** Listens no more, until it is opened again on the same port. */
  close(): Promise<void>;
  open(): Promise<void>;
}

export const status =
  (code: number): Behaviour =>
  (res) =>
    res.writeHead(code).end();

/** A real HTTP server that keeps what it was sent. */
export async function startReceiver(): Promise<Receiver> {
  const calls: ReceivedCall[] = [];
  let behave: Behaviour = status(204);
  let port = 0;
  const server = createServer(async (req, res) => {
    const body = Buffer.concat(await req.toArray()).toString();
    const call = {
      path: req.url ?? '',
      headers: req.headers,
      body,
      id: String(req.headers['webhook-id'] ?? ''),
    };
    calls.push(call);
    behave(res, call);
  });
  const open = () =>
    new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', resolve);
    });
  await open();
  port = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    calls,
    messages: () => calls.map(({ body }) => JSON.parse(body) as Message),
    answer(behaviour) {
      behave = behaviour;
    },
    open,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
