import type { Server } from 'node:http';
import { SlipwayError, toProblem } from '@slipway/shared/errors';

/**
 * Answers what is no HTTP, or a body that ends too early, with a problem as every other refusal is. Such a request has no
 * response object to answer with.
 */
export function answerClientErrors(server: Server): void {
  server.on('clientError', (error: Error & { code?: string }, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const isCut = error.code === 'HPE_INVALID_EOF_STATE';
    const problem = toProblem(
      isCut ? new SlipwayError('body_incomplete') : new SlipwayError('request_invalid', 'This is not HTTP.'),
    );
    const body = JSON.stringify({ ...problem, status: 400 });
    socket.end(
      'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/problem+json\r\n' +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
}
