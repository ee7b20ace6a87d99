import { readFile } from 'node:fs/promises';
import { type Client, createClient } from '@slipway/client';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';
import { dataFolder } from '../installation/data-folder.js';
import { readRunState } from '../installation/run-file.js';

type Env = Readonly<Record<string, string | undefined>>;

export interface ServerOptions {
  readonly server?: string | undefined;
  readonly token?: string | undefined;
}

/**
 * Returns a client of the server that the options name, else the environment, else the Slipway that `slipway up` runs on this machine.
 * A token goes only to the server that it belongs to: the token of a local Slipway is sent to no other server.
 */
export async function connect({ options, env }: { options: ServerOptions; env: Env }): Promise<Client> {
  const url = options.server ?? (env.SLIPWAY_URL || undefined);
  const token = options.token ?? (env.SLIPWAY_TOKEN || undefined);
  if (url !== undefined && token !== undefined) return clientOf(url, token);
  const local = (await readRunState(dataFolder({ given: undefined, env })))?.ready;
  if (local && (url === undefined || sameServer(url, local.url))) {
    return clientOf(local.url, token ?? (await readFile(local.token_file, 'utf8')).trim());
  }
  if (url !== undefined) {
    throw new CommandError({
      message: `no token for ${shownUrl(url)}`,
      remedy: 'Set SLIPWAY_TOKEN (or --token, which other users of this machine can see) to its API token.',
      exitCode: exitCodes.usage,
    });
  }
  throw new CommandError({
    message: 'no server is named, and no `slipway up` runs on this machine',
    remedy: 'Start one with `slipway up`, or set SLIPWAY_URL and SLIPWAY_TOKEN for another server.',
    exitCode: exitCodes.usage,
  });
}

function clientOf(url: string, token: string): Client {
  try {
    return createClient({ url, token });
  } catch (error) {
    throw new CommandError({ message: (error as Error).message, exitCode: exitCodes.usage });
  }
}

const sameServer = (one: string, other: string): boolean =>
  URL.canParse(one) && new URL(one).origin === new URL(other).origin;

/** Returns the URL without credentials. */
const shownUrl = (url: string): string => (URL.canParse(url) ? new URL(url).origin : url);
