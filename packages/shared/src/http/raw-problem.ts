import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { SlipwayError } from '../errors/index.js';
import { errorAnswer } from './error-body.js';

/** Answers a request that no route has answered yet, and closes the connection. */
export function endWithProblem(
  res: ServerResponse<IncomingMessage>,
  error: SlipwayError,
  status?: number,
): void {
  const requestId = res.getHeader('X-Request-Id');
  const { problem, headers, body } = errorAnswer({ error, target: res.req.url, requestId, status });
  res
    .writeHead(problem.status, {
      ...headers,
      'Content-Length': Buffer.byteLength(body),
      'X-Content-Type-Options': 'nosniff',
      Connection: 'close',
    })
    .end(body);
}

interface WriteOptions {
  readonly error: SlipwayError;
  readonly status?: number | undefined;
  /** The target of the request, if its head was read. */
  readonly target: string | undefined;
}

/** Writes an answer to a socket without a response object, and closes the connection. */
export function writeProblem(socket: Duplex, options: WriteOptions): void {
  const { problem, headers, body } = errorAnswer(options);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\nConnection: close\r\n${lines.join('')}` +
      `X-Content-Type-Options: nosniff\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
