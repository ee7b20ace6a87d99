import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type PushStep, type RegistryAnswer, registryAnswers } from './registry-answers.js';

export interface AnsweringRegistry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Returns a repository whose pushes get this answer. */
  repository(answer: RegistryAnswer): string;
  /** Returns the number of requests that started an upload or put a manifest in a repository. */
  attempts(repository: string): number;
  stop(): Promise<void>;
}

/** Starts a registry on 127.0.0.1 that answers by the name of the repository. It forwards everything else to the registry at `upstream`. */
export async function startAnsweringRegistry({ upstream }: { upstream: string }): Promise<AnsweringRegistry> {
  const answers = new Map(registryAnswers.map((answer, at) => [`answer-${at}`, answer]));
  const names = new Map([...answers].map(([name, answer]) => [answer, name]));
  const attempts = new Map<string, number>();
  const server = createServer((req, res) => {
    const token = /^\/token\/(\d+)/.exec(req.url ?? '')?.[1];
    if (token !== undefined) return void res.writeHead(Number(token)).end('no token');
    const [, name = '', rest = ''] = /^\/v2\/([^/]+)\/[^/]+\/(.*)/.exec(req.url ?? '') ?? [];
    const step = stepOf(req.method ?? '', rest);
    if (step === 'put-manifest') attempts.set(name, (attempts.get(name) ?? 0) + 1);
    const answer = answers.get(name);
    if (step === undefined || !answer?.at.includes(step)) return forward(req, res, upstream);
    const headers = Object.entries(answer.headers ?? {}).map(([key, value]) => [
      key,
      value.replace('{host}', req.headers.host ?? ''),
    ]);
    // A client that still sends may find the connection closed, and miss the answer.
    req.resume().once('end', () => {
      res
        .writeHead(answer.status, Object.fromEntries(headers))
        .end(req.method === 'HEAD' ? undefined : answer.body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    repository: (answer) => `${names.get(answer)}/x`,
    attempts: (repository) => attempts.get(repository.split('/')[0] ?? '') ?? 0,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function stepOf(method: string, path: string): PushStep | undefined {
  if (path.startsWith('blobs/uploads')) return method === 'POST' ? 'begin-upload' : 'upload';
  if (path.startsWith('blobs/')) return 'find-blob';
  if (path.startsWith('manifests/')) return method === 'PUT' ? 'put-manifest' : 'find-manifest';
  return undefined;
}

function forward(req: IncomingMessage, res: ServerResponse, upstream: string): void {
  const [host, port] = upstream.split(':');
  // The registry builds upload addresses from the Host header, so the header stays unchanged.
  const passed = request(
    { host, port, path: req.url, method: req.method, headers: req.headers },
    (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    },
  );
  passed.on('error', () => res.destroy());
  req.pipe(passed);
}
