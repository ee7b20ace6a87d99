import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRepository, type TestRepository } from './repository.js';

export { type SshServer, startSshServer } from './ssh-server.js';

export interface GitServer {
  readonly url: string;
  readonly host: string;
  /** Requests since the start. */
  readonly requests: readonly { readonly path: string; readonly authorization: string | undefined }[];
  /** Answers all later requests with this handler instead of git; undefined restores git. */
  answer(handler: ((req: IncomingMessage, res: ServerResponse) => void) | undefined): void;
  /** Holds all answers until the promise resolves. */
  hold(until: Promise<void>): void;
  /** Sends at most this many bytes every tenth of a second. */
  throttle(bytes: number): void;
  /** Bytes of bodies that git has sent. */
  readonly sent: number;
  repository(name: string): TestRepository;
  stop(): Promise<void>;
}

interface GitServerOptions {
  /** Clients must send this value to read. */
  readonly authorization?: string;
}

/** Starts `git http-backend` behind a Node.js server on 127.0.0.1. */
export async function startGitServer({ authorization }: GitServerOptions = {}): Promise<GitServer> {
  const root = mkdtempSync(join(tmpdir(), 'slipway-git-server-'));
  const requests: { path: string; authorization: string | undefined }[] = [];
  let instead: ((req: IncomingMessage, res: ServerResponse) => void) | undefined;
  const pace = { sent: 0, bytes: Number.POSITIVE_INFINITY, held: Promise.resolve() };
  const server = createServer(async (req, res) => {
    requests.push({ path: req.url ?? '', authorization: req.headers.authorization });
    await pace.held;
    if (instead) instead(req, res);
    else if (authorization !== undefined && req.headers.authorization !== authorization) {
      res.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    } else backend({ root, req, res, pace });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    host,
    requests,
    answer(handler) {
      instead = handler;
    },
    hold(until) {
      pace.held = until;
    },
    throttle(bytes) {
      pace.bytes = bytes;
    },
    get sent() {
      return pace.sent;
    },
    repository: (name) => createRepository(root, name, `http://${host}/${name}.git`),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(root, { recursive: true, force: true });
    },
  };
}

interface BackendCall {
  readonly root: string;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly pace: { sent: number; readonly bytes: number };
}

/** Runs a CGI program (RFC 3875), as far as git needs it. */
function backend({ root, req, res, pace }: BackendCall): void {
  const url = new URL(req.url ?? '/', 'http://localhost');
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: req.method,
      CONTENT_TYPE: req.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: req.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(req.headers['git-protocol'] ?? ''),
      REMOTE_ADDR: '127.0.0.1',
    },
  });
  req.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  res.on('close', () => child.kill('SIGKILL'));
  let head = Buffer.alloc(0);
  const onHead = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    child.stdout.off('data', onHead);
    for (const line of head.toString('latin1', 0, end).split('\r\n')) {
      const [, field = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
      if (field.toLowerCase() === 'status') res.statusCode = Number.parseInt(value, 10);
      else res.setHeader(field, value);
    }
    child.stdout.unshift(head.subarray(end + 4));
    pipeline(child.stdout, paced(pace), res).catch(() => child.kill('SIGKILL'));
  };
  child.stdout.on('data', onHead);
}

const paced = (pace: { sent: number; readonly bytes: number }) =>
  async function* (body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      for (let at = 0; at < chunk.length; at += pace.bytes) {
        const piece = chunk.subarray(at, at + pace.bytes);
        pace.sent += piece.length;
        yield piece;
        if (pace.bytes < Number.POSITIVE_INFINITY) await sleep(100);
      }
    }
  };
