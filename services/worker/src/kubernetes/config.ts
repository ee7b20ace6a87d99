import { isIPv6 } from 'node:net';
import type { Fields } from '@slipway/shared/config';

/** The access of a pod to the API server of its cluster. */
export interface KubernetesConfig {
  /** Scheme, host and port of the API server. */
  readonly apiServer: string;
  /** Folder with `token`, `ca.crt` and `namespace` of the service account. */
  readonly accountDir: string;
}

/** Reads what Kubernetes gives to each pod. Returns undefined outside of a cluster. */
export function kubernetesConfig(fields: Fields): KubernetesConfig | undefined {
  const host = fields.optionalParsed('KUBERNETES_SERVICE_HOST', {
    doc: 'Address of the API server; Kubernetes sets it in each pod',
    parse: parseHost,
  });
  const port = fields.int('KUBERNETES_SERVICE_PORT', {
    doc: 'Port of the API server; Kubernetes sets it in each pod',
    default: 443,
    min: 1,
    max: 65_535,
  });
  const accountDir = fields.string('KUBERNETES_ACCOUNT_DIR', {
    doc: 'Folder with `token`, `ca.crt` and `namespace` of the service account',
    default: '/var/run/secrets/kubernetes.io/serviceaccount',
  });
  return host === undefined ? undefined : { apiServer: `https://${host}:${port}`, accountDir };
}

function parseHost(text: string): string {
  const host = isIPv6(text) ? `[${text}]` : text;
  if (!/^(\[[\d:a-f.]+\]|[\w.-]+)$/i.test(host))
    throw new Error(`must be an address or a name, not '${text}'`);
  return host;
}
