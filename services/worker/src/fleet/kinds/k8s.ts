import { SlipwayError } from '@slipway/shared/errors';
import {
  type Endpoint,
  endpointsOf,
  missingPort,
  type Port,
  type Slice,
  sliceOf,
} from '../../kubernetes/endpoint-slices.js';
import { type FollowTimes, followCollection } from '../../kubernetes/follow.js';
import type { DiscoveryKind, FoundReplica } from './kind.js';

const permission = 'get, list and watch of endpointslices (discovery.k8s.io) in its namespace';
const usualPort = '8080';
const settingNames = ['port', 'scheme'];

interface Target {
  readonly service: string;
  readonly port: Port;
  readonly scheme: string;
}

/** `k8s://service?port=8080`: one replica for each pod of a Service in the namespace of the worker. */
export const k8sKind = createK8sKind();

export function createK8sKind(times?: FollowTimes): DiscoveryKind {
  return {
    form: 'k8s://service?port=8080',
    schemes: ['k8s'],
    parse,
    // A pod never returns to the slices, and its name has its UID.
    goneAfterMs: 0,
    async watch({ target, found, fault, kubernetes, signal }) {
      if (!kubernetes) throw new Error('k8s:// needs a cluster');
      const { service, port, scheme } = targetOf(target);
      const path = await pathOf(kubernetes, fault);
      if (path === undefined) return;
      const faults: { access: SlipwayError | undefined; service: SlipwayError | undefined } = {
        access: undefined,
        service: undefined,
      };
      await followCollection<Slice>({
        ...{ client: kubernetes, path, permission, signal, keep: sliceOf, ...(times && { times }) },
        labelSelector: `kubernetes.io/service-name=${service}`,
        onFault(access) {
          faults.access = access;
          fault(access ?? faults.service);
        },
        onObjects(slices) {
          found(endpointsOf(slices, port).map((endpoint) => replicaOf(scheme, endpoint)));
          const missing =
            slices.length === 0
              ? `there is no EndpointSlice of a Service ${service} in this namespace`
              : missingPort(slices, port);
          faults.service =
            missing === undefined ? undefined : new SlipwayError('kubernetes_service_unknown', missing);
          fault(faults.access ?? faults.service);
        },
      });
    },
  };
}

async function pathOf(
  kubernetes: { namespace(): Promise<string> },
  fault: (fault: SlipwayError) => void,
): Promise<string | undefined> {
  try {
    const namespace = encodeURIComponent(await kubernetes.namespace());
    return `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  } catch (error) {
    // Kubernetes mounts a service account before the process starts, or never.
    if (!(error instanceof SlipwayError)) throw error;
    fault(error);
    return undefined;
  }
}

function parse(text: string): string {
  const { hostname, port, username, pathname, searchParams } = new URL(text);
  if (username !== '' || port !== '' || !['', '/'].includes(pathname))
    throw new Error(`must name a Service as k8s://service?port=8080: 'k8s://${hostname}${pathname}'`);
  if (!/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(hostname))
    throw new Error(`must name a Service of the workers' namespace after k8s://, not '${hostname}'`);
  const names = [...searchParams.keys()];
  const odd = names.find((name, at) => !settingNames.includes(name) || names.indexOf(name) !== at);
  if (odd !== undefined)
    throw new Error(`must say only port and scheme after k8s://${hostname}?, not '${odd}'`);
  const named = searchParams.get('port') ?? usualPort;
  const isNumber = /^[1-9]\d{0,4}$/.test(named) && Number(named) <= 65_535;
  if (!isNumber && !(/^[-a-z0-9]{1,15}$/.test(named) && /[a-z]/.test(named)))
    throw new Error(`must say the number of a port of the pods, or its name in the Service, not '${named}'`);
  const scheme = searchParams.get('scheme') ?? 'http';
  if (scheme !== 'http' && scheme !== 'https')
    throw new Error(`must say http or https as scheme, not '${scheme}'`);
  return `k8s://${hostname}?port=${named}${scheme === 'https' ? '&scheme=https' : ''}`;
}

function targetOf(target: string): Target {
  const { hostname, searchParams } = new URL(target);
  const port = searchParams.get('port') ?? usualPort;
  return {
    service: hostname,
    port: /^\d+$/.test(port) ? Number(port) : port,
    scheme: searchParams.get('scheme') ?? 'http',
  };
}

function replicaOf(
  scheme: string,
  { address, port, uid, name, node, isReady, isTerminating }: Endpoint,
): FoundReplica {
  const host = address.includes(':') ? `[${address}]` : address;
  const { origin } = new URL(`${scheme}://${host}:${port}`);
  return {
    // Another pod may get the address later.
    url: uid === undefined ? origin : `${origin}#${uid}`,
    kind: uid === undefined ? 'dns' : 'k8s',
    ...(name !== undefined && { name }),
    ...(node !== undefined && { node }),
    isStarting: !isReady,
    isLeaving: isTerminating,
  };
}
