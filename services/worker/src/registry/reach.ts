import { type Allowlist, createEgressAgent } from '@slipway/shared/egress';
import { Agent, type Dispatcher } from 'undici';

interface ReachOptions {
  /** Addresses besides public ones that any registry may have. */
  readonly allow: Allowlist;
}

const connections = { connections: 4, connectTimeoutMs: 5_000 };

/**
 * The connections to registries. Users name registries in their Dockerfiles, and registries name other hosts, so these connections follow the egress
 * rules. Registries that the operator named may have any address, at exactly their host and port.
 */
export class Reach {
  readonly #guarded: Agent;
  readonly #free: Agent;

  constructor({ allow }: ReachOptions) {
    this.#guarded = createEgressAgent({ allow, ...connections });
    this.#free = new Agent({
      connections: connections.connections,
      connect: { timeout: connections.connectTimeoutMs },
    });
  }

  /** `trusted` is the origin that the operator named; undefined if there is none. */
  dispatcher(url: URL, trusted: string | undefined): Dispatcher {
    return url.origin === trusted ? this.#free : this.#guarded;
  }

  async close(): Promise<void> {
    await Promise.all([this.#guarded.destroy(), this.#free.destroy()]);
  }
}
