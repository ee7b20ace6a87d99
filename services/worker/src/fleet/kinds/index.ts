import { dnsKind } from './dns.js';
import { k8sKind } from './k8s.js';
import type { DiscoveryKind } from './kind.js';
import { urlKind } from './url.js';

/** The kinds of entries in `BUILDERS`. */
export const discoveryKinds = { url: urlKind, dns: dnsKind, k8s: k8sKind } satisfies Record<
  string,
  DiscoveryKind
>;
export type DiscoveryKindName = keyof typeof discoveryKinds;
