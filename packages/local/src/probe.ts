import { connect } from 'node:net';

/** Returns true if a TCP server answers `request` with text that starts with `answer`, within a second. */
export function tcpAnswers(port: number, request: string, answer: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const settle = (outcome: boolean) => {
      socket.destroy();
      resolve(outcome);
    };
    let received = '';
    socket.setEncoding('utf8').setTimeout(1000, () => settle(false));
    socket.on('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      received += chunk;
      if (received.length >= answer.length) settle(received.startsWith(answer));
    });
    socket.on('error', () => settle(false)).on('end', () => settle(false));
  });
}

/** Returns true if an HTTP server answers with one of `statuses`, within a second. Rejects, with the reason, when it cannot be asked. */
export async function httpAnswers(url: string, statuses: readonly number[]): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
  await response.body?.cancel();
  return statuses.includes(response.status);
}
