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
  /** `FQDN` is deprecated, and stands for names. */
  readonly family: 'IPv4' | 'IPv6' | 'FQDN';
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  readonly endpoints: readonly Omit<Endpoint, 'port'>[];
}

/** A number, or the name that the Service gives to the port. */
export type Port = number | string;

const sliceSchema = z.object({
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
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

/** Returns the part of an EndpointSlice that discovery keeps (discovery.k8s.io/v1). */
export function sliceOf(object: unknown): Slice {
  const { addressType, ports, endpoints } = sliceSchema.parse(object);
  return {
    family: addressType,
    ports: (ports ?? []).flatMap(({ name, port, protocol }) =>
      typeof port === 'number' && (protocol ?? 'TCP') === 'TCP' ? [{ name: name ?? '', port }] : [],
    ),
    endpoints: (endpoints ?? []).flatMap(({ addresses, conditions, nodeName, targetRef }) => {
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
 * Returns each pod once: a pod that moves between two slices is in both for a moment, and one that ends in one of them ends. With two families of addresses
 * a pod has IPv4, whatever slice comes first: two addresses would be two replicas, with the slots of both.
 */
export function endpointsOf(slices: readonly Slice[], port: Port): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const slice of ofOneFamily(slices)) {
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
  const used = ofOneFamily(slices).filter(({ endpoints }) => endpoints.length > 0);
  if (used.length === 0 || used.some((slice) => portOf(slice, port) !== undefined)) return undefined;
  const known = new Set(
    used.flatMap(({ ports }) => ports.map(({ name, port: number }) => `${name || 'no name'}=${number}`)),
  );
  return `no port ${port}, only ${[...known].join(', ') || 'none'}`;
}

/** A Service has a slice of each of its families, also while it has no pod. */
function ofOneFamily(slices: readonly Slice[]): readonly Slice[] {
  const family = slices.some((slice) => slice.family === 'IPv4') ? 'IPv4' : 'IPv6';
  return slices.filter((slice) => slice.family === family);
}

const portOf = ({ ports }: Slice, port: Port) =>
  ports.find((each) => (typeof port === 'number' ? each.port === port : each.name === port))?.port;
