import { join } from 'node:path';
import { freePort, startRegistry } from '@slipway/local';
import { startFaultyRegistry } from './faulty-registry.js';

export const registryUser = 'slipway';
export const registryPassword = 'open sesame';
/** The bcrypt hash of the password above. */
const htpasswd = `${registryUser}:$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n`;

/** `host:port` of registries of every kind that builds may meet. */
export interface Registries {
  readonly open: string;
  /** Wants the login above. */
  readonly locked: string;
  /** Speaks plain http as the others do, but is not in `insecure`. */
  readonly unlisted: string;
  readonly faulty: string;
  /** An address where no server listens. */
  readonly unreachable: string;
  /** Registries on the plain http allowlist. */
  readonly insecure: readonly string[];
  stop(): Promise<void>;
}

/** Starts them all, on 127.0.0.1, with their images in `folder`. */
export async function startRegistries(folder: string): Promise<Registries> {
  const [open, locked, unlisted, faulty] = await Promise.all([
    startRegistry({ dir: join(folder, 'open') }),
    startRegistry({ dir: join(folder, 'locked'), htpasswd }),
    startRegistry({ dir: join(folder, 'unlisted') }),
    startFaultyRegistry(),
  ]);
  const unreachable = `127.0.0.1:${await freePort()}`;
  return {
    ...{ open: open.host, locked: locked.host, unlisted: unlisted.host, faulty: faulty.host, unreachable },
    insecure: [open.host, locked.host, faulty.host, unreachable],
    stop: async () => {
      await Promise.all([open.stop(), locked.stop(), unlisted.stop(), faulty.stop()]);
    },
  };
}
