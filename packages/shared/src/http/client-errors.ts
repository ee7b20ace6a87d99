import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { SlipwayError } from '../errors/index.js';
import { writeProblem } from './raw-problem.js';

/** Milliseconds until the server cuts off a client that does not close its connection. */
const partingMs = 2_000;

/**
 * Answers malformed HTTP, headers that are too large or too late, and truncated bodies with a problem, like every other error.
 * Such a request has no response object.
 */
export function answerClientErrors(server: Server): void {
  server.on('clientError', (error: Error & { code?: string }, socket: Duplex) => {
    // The client would take a second answer on the connection for that of another request.
    if (!socket.writable || error.code === 'ECONNRESET' || hasAnswered(socket)) {
      socket.destroy();
      return;
    }
    const { problem, status } = refusalOf(error.code);
    writeProblem(socket, { error: problem, status, target: answerOf(socket)?.req?.url });
    const timer = setTimeout(() => socket.destroy(), partingMs);
    socket.once('close', () => clearTimeout(timer));
  });
}

function refusalOf(code: string | undefined): { problem: SlipwayError; status?: number } {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { problem: new SlipwayError('headers_too_large') };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return {
        problem: new SlipwayError('body_too_large', 'The extensions of a chunk are larger than allowed.'),
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { problem: new SlipwayError('headers_too_slow') };
    case 'HPE_INVALID_EOF_STATE':
      return { problem: new SlipwayError('body_incomplete') };
    default:
      return { problem: new SlipwayError('request_invalid', 'This is not HTTP.'), status: 400 };
  }
}

/** Returns true if an answer to an earlier request is being sent on the connection. */
function hasAnswered(socket: Duplex): boolean {
  return answerOf(socket)?.headersSent ?? false;
}

/** Returns the response to the request whose body the connection carries, if its head was read. */
function answerOf(socket: Duplex) {
  const { _httpMessage: answer } = socket as Duplex & {
    _httpMessage?: { readonly headersSent: boolean; readonly req?: { readonly url?: string } };
  };
  return answer;
}
