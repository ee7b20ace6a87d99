import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { runCli } from '../cli.js';
import { createScreen } from '../terminal/terminal.js';

/** Runs a command line as `main.ts` does, and returns the output of its two streams. */
export async function slipway(argv: readonly string[], env: Record<string, string> = {}) {
  const text = { out: '', err: '' };
  const screen = (name: 'out' | 'err') =>
    createScreen({ write: (chunk: string) => (text[name] += chunk) }, env);
  const exit = await runCli({
    argv,
    env: { SLIPWAY_DATA: '/no/such/folder', ...env },
    terminal: { out: screen('out'), err: screen('err') },
  });
  return { exit, ...text };
}

interface Asked {
  readonly call: string;
  readonly token: string | undefined;
  readonly body: Buffer;
}
export type Answer = (res: ServerResponse, asked: Asked) => unknown;

/** Starts a server that answers calls such as `GET /v1/jobs/job_1`. Returns the environment to reach it. */
export async function serve(answers: Readonly<Record<string, Answer>>) {
  const asked: Asked[] = [];
  const server = createServer(async (req: IncomingMessage, res) => {
    const call = `${req.method} ${req.url}`;
    const one = { call, token: req.headers.authorization, body: await buffer(req) };
    asked.push(one);
    const answer = answers[call];
    if (answer) await answer(res, one);
    else problem(404, 'not_found')(res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked, env: { SLIPWAY_URL: url, SLIPWAY_TOKEN: 'hush' } };
}

export const json =
  (status: number, value: unknown) =>
  (res: ServerResponse): void => {
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
export const problem =
  (status: number, code: string, more = {}) =>
  (res: ServerResponse): void => {
    res.writeHead(status, { 'content-type': 'application/problem+json' });
    res.end(JSON.stringify({ code, detail: `what ${code} is about`, remedy: 'do this', ...more }));
  };
export const log =
  (...lines: string[]) =>
  (res: ServerResponse): void => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    lines.forEach((text, index) => {
      res.write(
        `id: 1-${index + 1}\nevent: log\ndata: ${JSON.stringify({ attempt: 1, line: index + 1, text })}\n\n`,
      );
    });
    res.end('event: end\ndata: {}\n\n');
  };
