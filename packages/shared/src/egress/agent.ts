import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { SlipwayError } from '../errors/index.js';
import { type Allowlist, allowsAddress, allowsHost } from './allowlist.js';

interface EgressOptions {
  readonly allow: Allowlist;
  /** Connections to one origin at once. */
  readonly connections: number;
  /** For a connection to be made, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** What names resolve to; the system's own unless given. */
  readonly lookup?: LookupFunction;
}

/**
 * An agent for requests whose URLs users give. Every connection, whatever hop makes it, is checked by the address that it really goes
 * to: a literal before, a name after it was resolved, and no name is resolved twice. A connection that is not allowed is never
 * begun, and its request rejects with `egress_denied`.
 */
export function createEgressAgent(options: EgressOptions): Agent {
  const { allow, connections, connectTimeoutMs } = options;
  const connector = buildConnector({ timeout: connectTimeoutMs, lookup: guardedLookup(options) });
  return new Agent({
    connections,
    connect(target, callback) {
      const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
      if (isIP(host) !== 0 && !allowsAddress(allow, host)) callback(denied(host), null);
      else connector(target, callback);
    },
  });
}

/** Resolves a name to those of its addresses that may be connected to. */
function guardedLookup({ allow, lookup = systemLookup as LookupFunction }: EgressOptions): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '', 0);
      const addresses = typeof found === 'string' ? [] : found;
      const allowed = allowsHost(allow, hostname)
        ? addresses
        : addresses.filter(({ address }) => allowsAddress(allow, address));
      const [first] = allowed;
      if (!first) return callback(denied(hostname), '', 0);
      if (options.all) (callback as (e: null, list: typeof allowed) => void)(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

/** The address that a name has is not said: it would let users look around in the network. */
function denied(host: string): SlipwayError {
  return new SlipwayError('egress_denied', `${host} is not an address that requests may go to.`);
}
