import { BlockList, isIPv6 } from 'node:net';

type Labels = Readonly<Record<string, string>>;

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

interface Port {
  readonly protocol?: string;
  readonly port: number;
}

export interface NetworkPolicy {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes: readonly ('Ingress' | 'Egress')[];
    readonly ingress?: readonly { readonly from?: readonly Peer[]; readonly ports?: readonly Port[] }[];
    readonly egress?: readonly { readonly to?: readonly Peer[]; readonly ports?: readonly Port[] }[];
  };
}

/** A pod, or an address outside of the cluster, which has no labels. */
export interface Party {
  readonly address: string;
  readonly namespace?: string;
  readonly labels?: Labels;
}

interface Connection {
  readonly from: Party;
  readonly to: Party;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
}

interface Rules {
  readonly policies: readonly NetworkPolicy[];
  /** The namespace of all policies. */
  readonly namespace: string;
  /** True if an ipBlock counts for addresses of pods. The specification leaves that to the network plugin. */
  readonly blocksMatchPods: boolean;
}

/**
 * Returns whether the policies let a connection through, as networking.k8s.io/v1 defines it: a pod that no policy selects for a direction
 * is open in that direction; otherwise one rule of one of those policies must match the other side and the port.
 */
export function isAllowed(rules: Rules, { from, to, port, protocol }: Connection): boolean {
  const passes = (pod: Party, other: Party, direction: 'Ingress' | 'Egress') => {
    const selected = rules.policies.filter(
      ({ spec }) =>
        pod.labels !== undefined &&
        pod.namespace === rules.namespace &&
        spec.policyTypes.includes(direction) &&
        matches(spec.podSelector, pod.labels),
    );
    return (
      selected.length === 0 ||
      selected.some(({ spec }) => {
        const directed =
          direction === 'Ingress'
            ? (spec.ingress ?? []).map(({ from: peers, ports }) => ({ peers, ports }))
            : (spec.egress ?? []).map(({ to: peers, ports }) => ({ peers, ports }));
        return directed.some(
          ({ peers, ports }) =>
            (ports === undefined ||
              ports.some((p) => p.port === port && (p.protocol ?? 'TCP') === protocol)) &&
            (peers === undefined || peers.some((peer) => isPeer(peer, other, rules))),
        );
      })
    );
  };
  return passes(from, to, 'Egress') && passes(to, from, 'Ingress');
}

function isPeer({ podSelector, namespaceSelector, ipBlock }: Peer, party: Party, rules: Rules): boolean {
  if (ipBlock) {
    if (party.labels && !rules.blocksMatchPods) return false;
    const inside = (cidr: string) => contains(cidr, party.address);
    return inside(ipBlock.cidr) && !(ipBlock.except ?? []).some(inside);
  }
  if (party.labels === undefined || party.namespace === undefined) return false;
  const inNamespace = namespaceSelector
    ? matches(namespaceSelector, { 'kubernetes.io/metadata.name': party.namespace })
    : party.namespace === rules.namespace;
  return inNamespace && (podSelector === undefined || matches(podSelector, party.labels));
}

function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          throw new Error(`${operator} is no operator of a selector`);
      }
    })
  );
}

function contains(cidr: string, address: string): boolean {
  const [network = '', bits] = cidr.split('/');
  const family = (text: string) => (isIPv6(text) ? 'ipv6' : 'ipv4');
  if (family(network) !== family(address)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family(network));
  return list.check(address, family(address));
}
