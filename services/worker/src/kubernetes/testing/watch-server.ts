import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { temporaryFolder } from '@slipway/local';
import type { KubernetesConfig } from '../config.js';

interface Received {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly method: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly token: string | undefined;
  readonly body: Promise<string>;
}

type Answer = (response: ServerResponse, received: Received) => void | Promise<void>;

/** A server that speaks the list and watch protocol of the Kubernetes API, with the faults that a test wants. */
export async function startWatchServer() {
  const received: Received[] = [];
  const answers: Answer[] = [];
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    const { pathname: path, searchParams: query } = new URL(request.url ?? '/', 'http://kubernetes');
    const { method, headers } = request;
    const seen = { path, query, method, headers, token: headers.authorization, body: text(request) };
    received.push(seen);
    open.add(response);
    response.on('close', () => open.delete(response));
    const answer = answers.shift();
    // A server without a further answer keeps the watch open.
    if (answer) void answer(response, seen);
    else response.writeHead(200).flushHeaders();
  });
  const listen = (port: number) =>
    new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const folder = await temporaryFolder();
  const accountDir = join(folder.path, 'account');
  await mkdir(accountDir);
  const account = { token: 'first', namespace: 'builds', 'ca.crt': '' };
  for (const [name, content] of Object.entries(account)) await writeFile(join(accountDir, name), content);
  const config: KubernetesConfig = { apiServer: `http://127.0.0.1:${port}`, accountDir };
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    config,
    received,
    /** The watches and lists whose answers have not ended. */
    open,
    writeAccount: (name: keyof typeof account, content: string) => writeFile(join(accountDir, name), content),
    removeAccount: (name: keyof typeof account) => rm(join(accountDir, name)),
    /** Adds answers to the next requests. */
    answer: (...next: Answer[]) => answers.push(...next),
    /** The server is away: it takes no connection. */
    close,
    /** The server is back. */
    listen: () => listen(port),
    async stop() {
      await close();
      await folder.remove();
    },
  };
}

/** Answers a list. */
export const list =
  (version: string, items: readonly object[], next?: string): Answer =>
  (response) => {
    response.end(JSON.stringify({ metadata: { resourceVersion: version, continue: next }, items }));
  };

/** Answers a watch with events in chunks of `chunkBytes`. It stays open unless `ends`. */
export const watch =
  (
    events: readonly object[],
    { chunkBytes, ends = false }: { chunkBytes?: number; ends?: boolean } = {},
  ): Answer =>
  async (response) => {
    response.writeHead(200).flushHeaders();
    const bytes = Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    const size = chunkBytes ?? bytes.length;
    for (let at = 0; at < bytes.length; at += size) {
      response.write(bytes.subarray(at, at + size));
      await new Promise(setImmediate);
    }
    if (ends) response.end();
  };

export const refuse =
  (status: number, message: string): Answer =>
  (response) => {
    response.writeHead(status).end(JSON.stringify({ kind: 'Status', code: status, message }));
  };
