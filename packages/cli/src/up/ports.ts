import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

/** Ports that stay the same between runs: the registry's port is part of every image reference. */
export interface Ports {
  readonly api?: number | undefined;
  readonly registry?: number | undefined;
}

const pathIn = (folder: string) => join(folder, 'ports.json');

/** Returns the ports of the last run that are free now. */
export async function lastPorts(folder: string): Promise<Ports> {
  const { api, registry } = await read(folder);
  const ifFree = async (port: number | undefined) =>
    port !== undefined && (await isFree(port)) ? port : undefined;
  return { api: await ifFree(api), registry: await ifFree(registry) };
}

/** Throws when a requested port is in use. */
export async function requireFree(ports: readonly (number | undefined)[]): Promise<void> {
  for (const port of ports) {
    if (port === undefined || (await isFree(port))) continue;
    throw new CommandError({
      message: `port ${port} of 127.0.0.1 is in use`,
      remedy: 'Stop the program that listens there, or choose another port.',
      exitCode: exitCodes.failed,
    });
  }
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

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
