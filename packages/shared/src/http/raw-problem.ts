import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type SlipwayError, toProblem } from '../errors/index.js';

const type = 'application/problem+json';

/** Answers a request that no route has answered yet, and closes the connection. */
export function endWithProblem(res: ServerResponse, error: SlipwayError, status?: number): void {
  const problem = toProblem(error);
  const requestId = res.getHeader('X-Request-Id');
  const shown = { ...problem, status: status ?? problem.status, ...(requestId && { request_id: requestId }) };
  const body = JSON.stringify(shown);
  res
    .writeHead(shown.status, {
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(body),
      'X-Content-Type-Options': 'nosniff',
      Connection: 'close',
    })
    .end(body);
}

/** Answers what never became a request, so that there is no response object, and closes the connection. */
export function writeProblem(socket: Duplex, error: SlipwayError, status?: number): void {
  const problem = toProblem(error);
  const body = JSON.stringify({ ...problem, status: status ?? problem.status });
  socket.end(
    `HTTP/1.1 ${status ?? problem.status} ${problem.title}\r\nConnection: close\r\nContent-Type: ${type}\r\n` +
      `X-Content-Type-Options: nosniff\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
