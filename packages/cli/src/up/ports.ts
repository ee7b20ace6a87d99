import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** Ports that should stay the same from one run to the next: the registry's is part of every image reference. */
export interface Ports {
  readonly api?: number | undefined;
  readonly registry?: number | undefined;
}

const pathIn = (folder: string) => join(folder, 'ports.json');

/** The ports of the last run, as far as they are free now. */
export async function lastPorts(folder: string): Promise<Ports> {
  const { api, registry } = await read(folder);
  return { api: await ifFree(api), registry: await ifFree(registry) };
}

export async function rememberPorts(folder: string, ports: Ports): Promise<void> {
  await writeFile(pathIn(folder), JSON.stringify(ports), { mode: 0o600 });
}

async function read(folder: string): Promise<Ports> {
  try {
    return JSON.parse(await readFile(pathIn(folder), 'utf8')) as Ports;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return {};
    throw error;
  }
}

async function ifFree(port: number | undefined): Promise<number | undefined> {
  if (port === undefined) return undefined;
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return port;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}
