/** A fault of the connections through a proxy. */
export type NetworkFault =
  /** Delays all bytes. */
  | { readonly kind: 'latency'; readonly ms: number; readonly jitterMs?: number }
  | { readonly kind: 'bandwidth'; readonly kilobytesPerSecond: number }
  /** Delays the end of a connection. */
  | { readonly kind: 'slow_close'; readonly ms: number }
  /** Ends each connection after this number of further bytes. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** Passes no byte. A connection ends when the sender ends it. */
  | { readonly kind: 'hang' };

/** `upstream`: bytes to the server. `downstream`: bytes to the client. */
export type Direction = 'upstream' | 'downstream';

/** A TCP proxy before a server. */
export interface FaultyProxy {
  readonly port: number;
  /** Adds a fault to all present and later connections, in one direction (default `downstream`). Faults add up. */
  add(fault: NetworkFault, direction?: Direction): Promise<void>;
  /** Ends all connections and refuses new ones until `heal`. */
  down(): Promise<void>;
  /** Removes all faults and accepts connections again. */
  heal(): Promise<void>;
}

interface ProxyOptions {
  /** The URL of the server's HTTP API. */
  readonly control: string;
  readonly name: string;
  readonly upstreamPort: number;
}

/** The server's own name and fields of each fault. */
function toxicOf(fault: NetworkFault): { type: string; attributes: Record<string, number> } {
  switch (fault.kind) {
    case 'latency':
      return { type: 'latency', attributes: { latency: fault.ms, jitter: fault.jitterMs ?? 0 } };
    case 'bandwidth':
      return { type: 'bandwidth', attributes: { rate: fault.kilobytesPerSecond } };
    case 'slow_close':
      return { type: 'slow_close', attributes: { delay: fault.ms } };
    case 'cut':
      return { type: 'limit_data', attributes: { bytes: fault.afterBytes } };
    case 'hang':
      return { type: 'timeout', attributes: { timeout: 0 } };
    default:
      return fault satisfies never;
  }
}

export async function createFaultyProxy({ control, name, upstreamPort }: ProxyOptions): Promise<FaultyProxy> {
  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(control + path, {
      method,
      // The server refuses browsers by this header.
      headers: { 'user-agent': 'slipway', 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`toxiproxy answered ${method} ${path} with ${response.status}: ${text}`);
    return text;
  };
  const created = await call('POST', '/proxies', {
    name,
    listen: '127.0.0.1:0',
    upstream: `127.0.0.1:${upstreamPort}`,
  });
  const { listen } = JSON.parse(created) as { listen: string };
  const place = `/proxies/${encodeURIComponent(name)}`;
  return {
    port: Number(new URL(`tcp://${listen}`).port),
    async add(fault, direction = 'downstream') {
      await call('POST', `${place}/toxics`, {
        ...toxicOf(fault),
        name: `${fault.kind}_${direction}`,
        stream: direction,
      });
    },
    async down() {
      await call('POST', place, { listen, enabled: false });
    },
    async heal() {
      const toxics = JSON.parse(await call('GET', `${place}/toxics`)) as { name: string }[];
      for (const toxic of toxics) await call('DELETE', `${place}/toxics/${toxic.name}`);
      await call('POST', place, { listen, enabled: true });
    },
  };
}
