import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DiscoveryKind, type FoundReplica, originOf } from './kind.js';

const everyMs = 5_000;

interface DnsOptions {
  /** Returns all addresses of a name. */
  readonly resolve: (
    name: string,
  ) => Promise<readonly { readonly address: string; readonly family: number }[]>;
  readonly everyMs: number;
}

/** `dns+http://name:port`: one replica for each address of the name. */
export const dnsKind = createDnsKind({ resolve: (name) => lookup(name, { all: true }), everyMs });

/** A name that cannot be resolved keeps its last known addresses. */
export function createDnsKind({ resolve, everyMs: pauseMs }: DnsOptions): DiscoveryKind {
  const lookUp = async (target: string): Promise<FoundReplica[]> => {
    const { protocol, hostname, port } = new URL(target);
    return (await resolve(hostname)).map(({ address, family }) => {
      const host = family === 6 ? `[${address}]` : address;
      return { url: new URL(`${protocol}//${host}:${port || '80'}`).origin, kind: 'dns' };
    });
  };
  return {
    form: 'dns+http://name:8081',
    schemes: ['dns+http'],
    parse: (text) => originOf(text.slice('dns+'.length)),
    // An answer may have only some of the addresses, so an address that is missing for a moment is not gone.
    goneAfterMs: 60_000,
    async watch({ target, found, logger, signal }) {
      while (!signal.aborted) {
        try {
          found(await lookUp(target));
        } catch (error) {
          const name = new URL(target).hostname;
          logger.warn({ err: error, name }, 'the name of the builders cannot be resolved');
        }
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    },
  };
}
