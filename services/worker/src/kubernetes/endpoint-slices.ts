import { z } from 'zod';

/** A pod behind a Service, or an address without a pod. */
export interface Endpoint {
  /** An address of IPv4 or IPv6. */
  readonly address: string;
  readonly port: number;
  /** The UID of the pod. Undefined for an address without a pod. */
  readonly uid: string | undefined;
  /** The name of the pod. */
  readonly name: string | undefined;
  readonly node: string | undefined;
  /** The pod passes its readiness probe. */
  readonly isReady: boolean;
  /** Kubernetes ends the pod. */
  readonly isTerminating: boolean;
}

/** The part of an EndpointSlice that discovery keeps. */
export interface Slice {
  readonly isIpv6: boolean;
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  readonly endpoints: readonly Omit<Endpoint, 'port'>[];
}

/** A number, or the name that the Service gives to the port. */
export type Port = number | string;

const sliceSchema = z.object({
  addressType: z.string(),
  ports: z
    .array(z.object({ name: z.string().nullish(), port: z.int().nullish(), protocol: z.string().nullish() }))
    .nullish(),
  endpoints: z
    .array(
      z.object({
        addresses: z.array(z.string()).nullish(),
        conditions: z.object({ ready: z.boolean().nullish(), terminating: z.boolean().nullish() }).nullish(),
        nodeName: z.string().nullish(),
        targetRef: z
          .object({ kind: z.string().nullish(), name: z.string().nullish(), uid: z.string().nullish() })
          .nullish(),
      }),
    )
    .nullish(),
});

/** Returns the part of an EndpointSlice that discovery keeps (discovery.k8s.io/v1). Slices of names (`FQDN`) have no endpoints here. */
export function sliceOf(object: unknown): Slice {
  const { addressType, ports, endpoints } = sliceSchema.parse(object);
  const isIp = addressType === 'IPv4' || addressType === 'IPv6';
  return {
    isIpv6: addressType === 'IPv6',
    ports: (ports ?? []).flatMap(({ name, port, protocol }) =>
      typeof port === 'number' && (protocol ?? 'TCP') === 'TCP' ? [{ name: name ?? '', port }] : [],
    ),
    endpoints: (isIp ? (endpoints ?? []) : []).flatMap(({ addresses, conditions, nodeName, targetRef }) => {
      // All addresses of an endpoint are the same pod. Kubernetes itself writes one.
      const [address] = addresses ?? [];
      if (address === undefined) return [];
      const pod = targetRef?.kind === 'Pod' ? targetRef : undefined;
      return [
        {
          address,
          uid: pod?.uid ?? undefined,
          name: pod?.name ?? undefined,
          node: nodeName ?? undefined,
          // Absent means unknown, which counts as ready (EndpointConditions).
          isReady: conditions?.ready ?? true,
          isTerminating: conditions?.terminating ?? false,
        },
      ];
    }),
  };
}

/**
 * Returns each pod once, whatever number of slices it is in: a pod with two families of addresses is in a slice of each, and a pod that moves between two
 * slices is in both for a moment. IPv4 is preferred. A pod that ends in one of them ends.
 */
export function endpointsOf(slices: readonly Slice[], port: Port): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const slice of [...slices].sort((a, b) => Number(a.isIpv6) - Number(b.isIpv6))) {
    const number = portOf(slice, port);
    if (number === undefined) continue;
    for (const endpoint of slice.endpoints) {
      const key = endpoint.uid ?? endpoint.address;
      const before = found.get(key);
      found.set(key, {
        ...(before ?? { ...endpoint, port: number }),
        isReady: endpoint.isReady || (before?.isReady ?? false),
        isTerminating: endpoint.isTerminating || (before?.isTerminating ?? false),
      });
    }
  }
  return [...found.values()];
}

/** Returns why the slices have no endpoint with this port; undefined if they have one, or no endpoint at all. */
export function missingPort(slices: readonly Slice[], port: Port): string | undefined {
  const used = slices.filter(({ endpoints }) => endpoints.length > 0);
  if (used.length === 0 || used.some((slice) => portOf(slice, port) !== undefined)) return undefined;
  const known = new Set(
    used.flatMap(({ ports }) => ports.map(({ name, port: number }) => `${name || 'no name'}=${number}`)),
  );
  return `no port ${port}, only ${[...known].join(', ') || 'none'}`;
}

const portOf = ({ ports }: Slice, port: Port) =>
  ports.find((each) => (typeof port === 'number' ? each.port === port : each.name === port))?.port;
