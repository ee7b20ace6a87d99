import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { SlipwayError } from '../errors/index.js';
import { type Allowlist, allowsAddress, allowsHost } from './allowlist.js';

interface EgressOptions {
  readonly allow: Allowlist;
  /** Concurrent connections to an origin. */
  readonly connections: number;
  /** Milliseconds that a connection may take to open. */
  readonly connectTimeoutMs: number;
  /** Resolves host names; default: the system's resolver. */
  readonly lookup?: LookupFunction;
}

/**
 * Returns an agent for requests to user-given URLs. It checks the address of every connection, on every hop: a literal before
 * connecting, a name after resolving it. It resolves no name twice. A forbidden connection never opens, and its request rejects
 * with `egress_denied`.
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

/** Returns a lookup that resolves a name to its allowed addresses only. */
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

/** Hides the resolved address, which would let users scan the network. */
function denied(host: string): SlipwayError {
  return new SlipwayError('egress_denied', `${host} is not an allowed address for requests.`);
}
