import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Handles one build that a replica received, after it has checked the signature. */
export type Behaviour = (call: {
  req: IncomingMessage;
  res: ServerResponse;
  body: Buffer;
}) => void | Promise<void>;

export interface Replica {
  readonly url: string;
  /** Payloads in the order they came. */
  readonly payloads: Buffer[];
  /** Builds whose client went away before they ended. */
  readonly abandoned: () => number;
  /** Sets the behaviours of the next builds. Default: a build succeeds at once. */
  next(...behaviours: Behaviour[]): void;
  /** As when another engine builds behind the same address. */
  setEngine(engine: string | undefined): void;
  /** The same for its features. */
  setFeatures(features: string | undefined): void;
  /** Kills the engine behind the replica, or starts it again. The replica itself goes on answering. */
  setEngineDead(dead: boolean): void;
  stop(): Promise<void>;
}

interface ReplicaOptions {
  /** The engine that the replica reports. Default: none. */
  readonly engine?: string;
  /** The features that the replica lists. Default: no such header. */
  readonly features?: string;
  /** Returns true while the replica answers health checks. Default: always. */
  readonly healthy?: () => boolean;
  /** Returns the answer of `/ready`, or undefined for none. Default: 503 without a reason while the engine is dead, as with other builders. */
  readonly readiness?: () => { readonly status: number; readonly body?: object } | undefined;
}

/** The message of BuildKit's client when no daemon answers. */
const engineDeadError =
  'failed to list workers: Unavailable: connection error: desc = "transport: Error while dialing: dial unix /run/buildkit/buildkitd.sock: connect: connection refused"';

const say = (res: ServerResponse, line: object) => res.write(`${JSON.stringify(line)}\n`);

export const stream: (...lines: object[]) => Behaviour =
  (...lines) =>
  ({ res }) => {
    res.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (const line of lines) say(res, line);
    res.end();
  };

export const success = {
  status: 'success',
  digest: `sha256:${'1'.repeat(64)}`,
  duration: 0.5,
};

/** Keeps the build open, having said one line, until `release` is called. */
export function held(): { behaviour: Behaviour; begun: Promise<void>; release: () => void } {
  let release = () => {};
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const behaviour: Behaviour = ({ res }) => {
    res.writeHead(200, { 'content-type': 'application/x-ndjson' });
    say(res, { status: 'in_progress', log: ['begun'] });
    begin();
    return new Promise((resolve) => {
      release = () => {
        say(res, success);
        res.end();
        resolve();
      };
    });
  };
  return { behaviour, begun, release: () => release() };
}

/** Starts a server that implements the Function Builder API with scripted answers. */
export async function startReplica(secret: string, options: ReplicaOptions = {}): Promise<Replica> {
  let { engine, features } = options;
  const payloads: Buffer[] = [];
  const queue: Behaviour[] = [];
  let abandoned = 0;
  let engineDead = false;
  const readiness: NonNullable<ReplicaOptions['readiness']> =
    options.readiness ?? (() => ({ status: engineDead ? 503 : 200 }));
  const server = createServer((req, res) => {
    if (engine !== undefined) res.setHeader('x-slipway-engine', engine);
    if (features !== undefined) res.setHeader('x-slipway-features', features);
    const isCheck = req.url === '/healthz' || req.url === '/ready';
    if (isCheck && options.healthy !== undefined && !options.healthy()) {
      req.socket.destroy();
      return;
    }
    if (isCheck) {
      const answer = req.url === '/healthz' ? { status: 200, body: {} } : readiness();
      if (!answer) return;
      const { status, body } = answer;
      res.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body));
      return;
    }
    res.on('close', () => {
      if (!res.writableEnded) abandoned++;
    });
    const chunks: Buffer[] = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', async () => {
      const body = Buffer.concat(chunks);
      const expected = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
      if (req.headers['x-build-signature'] !== expected) {
        res.writeHead(401).end('invalid signature');
        return;
      }
      payloads.push(body);
      const usual = engineDead ? stream({ status: 'failed', error: engineDeadError }) : stream(success);
      await (queue.shift() ?? usual)({ req, res, body });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    payloads,
    abandoned: () => abandoned,
    next: (...behaviours) => queue.push(...behaviours),
    setEngine(changed) {
      engine = changed;
    },
    setFeatures(changed) {
      features = changed;
    },
    setEngineDead(dead) {
      engineDead = dead;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
