import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ephemeral ports of Linux (32768 and up): the kernel gives those to outgoing connections at any time. */
const ports = { first: 20_000, last: 32_767 };

let next: number | undefined;

/**
 * Returns a TCP port of 127.0.0.1 that is free now. The ports of a process follow each other from a random one on: random ports of two processes would
 * often be the same one, between the choice of the first and its use.
 */
export async function freePort(): Promise<number> {
  while (true) {
    const port = next ?? randomInt(ports.first, ports.last + 1);
    next = port === ports.last ? ports.first : port + 1;
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** Runs `start` on `port`, or on free ports until one is still free when `start` binds it. */
export async function onFreePort<T>(
  port: number | undefined,
  start: (port: number) => Promise<T>,
): Promise<T> {
  if (port !== undefined) return start(port);
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (attempt === 3 || !/address already in use/i.test(String(error))) throw error;
    }
  }
}
