import type { SlipwayError } from '@slipway/shared/errors';
import { createLogger } from '@slipway/shared/logger';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubernetesClient } from '../../kubernetes/client.js';
import { endpoint, endpointSlice } from '../../kubernetes/testing/slices.js';
import { list, refuse, startWatchServer, watch } from '../../kubernetes/testing/watch-server.js';
import { createK8sKind } from './k8s.js';
import type { FoundReplica } from './kind.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const times = { watchMs: 60_000, silenceMs: 60_000, pauseMs: 5, longestPauseMs: 50 };
const kind = createK8sKind(times);

let server: Awaited<ReturnType<typeof startWatchServer>>;
let client: KubernetesClient;
let stop: AbortController;
beforeEach(async () => {
  server = await startWatchServer();
  client = new KubernetesClient({ config: server.config });
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await client.close();
  await server.stop();
});

function follow(target = 'k8s://builders?port=8080') {
  const seen: { replicas: readonly FoundReplica[] | undefined; fault: SlipwayError | undefined } = {
    replicas: undefined,
    fault: undefined,
  };
  const running = kind.watch({
    ...{ target, kubernetes: client, logger, signal: stop.signal },
    found: (replicas) => {
      seen.replicas = replicas;
    },
    fault: (fault) => {
      seen.fault = fault;
    },
  });
  return { seen, running };
}

describe('k8s://', () => {
  it.each([
    ['k8s://builders', 'k8s://builders?port=8080'],
    ['k8s://builders?port=http', 'k8s://builders?port=http'],
    ['k8s://builders/?scheme=https&port=8443', 'k8s://builders?port=8443&scheme=https'],
    ['k8s://builders?scheme=http', 'k8s://builders?port=8080'],
  ])('may be %s', (text, normal) => {
    expect(kind.parse(text)).toBe(normal);
  });

  it.each([
    ['k8s://builders:8080', 'must name a Service as'],
    ['k8s://user@builders', 'must name a Service as'],
    ['k8s://builders/path', 'must name a Service as'],
    ['k8s://Builders', "not 'Builders'"],
    ['k8s://builders.other', "not 'builders.other'"],
    ['k8s://builders?port=0', "not '0'"],
    ['k8s://builders?port=65536', "not '65536'"],
    ['k8s://builders?port=', "not ''"],
    ['k8s://builders?port=HTTP', "not 'HTTP'"],
    ['k8s://builders?port=1&port=2', "not 'port'"],
    ['k8s://builders?scheme=ftp', "not 'ftp'"],
    ['k8s://builders?namespace=other', "not 'namespace'"],
  ])('cannot be %s', (text, message) => {
    expect(() => kind.parse(text)).toThrow(message);
  });

  it('stands for the pods of a Service, each with its UID', async () => {
    server.answer(
      list('1', [
        endpointSlice('a', [
          endpoint('10.0.0.1', 'one'),
          endpoint('10.0.0.2', 'two', { conditions: { ready: false } }),
          endpoint('10.0.0.3', 'three', { conditions: { ready: false, serving: true, terminating: true } }),
          { addresses: ['10.0.0.4'] },
        ]),
      ]),
    );
    const { seen } = follow('k8s://builders?port=http&scheme=https');
    const node = 'node-1';
    await expect
      .poll(() => seen.replicas)
      .toEqual([
        {
          ...{ url: 'https://10.0.0.1:8080#uid-one', kind: 'k8s', name: 'one', node },
          ...{ isStarting: false, isLeaving: false },
        },
        {
          ...{ url: 'https://10.0.0.2:8080#uid-two', kind: 'k8s', name: 'two', node },
          ...{ isStarting: true, isLeaving: false },
        },
        {
          ...{ url: 'https://10.0.0.3:8080#uid-three', kind: 'k8s', name: 'three', node },
          ...{ isStarting: true, isLeaving: true },
        },
        // Another replica may have this address later, and nothing tells it from this one.
        { url: 'https://10.0.0.4:8080', kind: 'dns', isStarting: false, isLeaving: false },
      ]);
    expect(server.received[0]?.query.get('labelSelector')).toBe('kubernetes.io/service-name=builders');
  });

  it('writes addresses of IPv6 as URLs do', async () => {
    server.answer(list('1', [endpointSlice('b', [endpoint('fd00::5', 'five')], { addressType: 'IPv6' })]));
    const { seen } = follow();
    await expect.poll(() => seen.replicas?.map(({ url }) => url)).toEqual(['http://[fd00::5]:8080#uid-five']);
  });

  it('follows pods that come and go, and gives a pod with the address of another a name of its own', async () => {
    const slice = (version: string, ...endpoints: object[]) => {
      const made = endpointSlice('a', endpoints);
      return { ...made, metadata: { ...made.metadata, resourceVersion: version } };
    };
    server.answer(
      list('1', [slice('1', endpoint('10.0.0.1', 'one'))]),
      watch([
        { type: 'MODIFIED', object: slice('2', endpoint('10.0.0.1', 'two'), endpoint('10.0.0.2', 'three')) },
      ]),
    );
    const { seen } = follow();
    await expect
      .poll(() => seen.replicas?.map(({ url }) => url))
      .toEqual(['http://10.0.0.1:8080#uid-two', 'http://10.0.0.2:8080#uid-three']);
  });

  it('warns of a Service that does not exist, until it does', async () => {
    server.answer(list('1', []));
    const { seen } = follow();
    await expect.poll(() => seen.fault?.code).toBe('kubernetes_service_unknown');
    expect(seen.fault?.message).toContain('Service builders');
    expect(seen.replicas).toEqual([]);
    await expect.poll(() => server.open.size).toBe(1);
    // The watch goes on, which does not take the warning back.
    expect(seen.fault?.code).toBe('kubernetes_service_unknown');
    server.answer(watch([{ type: 'ADDED', object: endpointSlice('a', [endpoint('10.0.0.1', 'one')]) }]));
    for (const response of server.open) response.end();
    await expect.poll(() => seen.replicas?.length).toBe(1);
    expect(seen.fault).toBeUndefined();
  });

  it('warns of a port that the Service does not have', async () => {
    server.answer(list('1', [endpointSlice('a', [endpoint('10.0.0.1', 'one')])]));
    const { seen } = follow('k8s://builders?port=grpc');
    await expect.poll(() => seen.fault?.message).toBe('no port grpc, only http=8080');
    expect(seen.replicas).toEqual([]);
  });

  it('names the role that is missing', async () => {
    server.answer(refuse(403, 'endpointslices is forbidden'), refuse(403, 'endpointslices is forbidden'));
    const { seen } = follow();
    await expect.poll(() => seen.fault?.code).toBe('kubernetes_forbidden');
    expect(seen.fault?.message).toContain('get, list and watch of endpointslices');
    expect(seen.replicas).toBeUndefined();
  });

  it('needs a service account', async () => {
    await server.removeAccount('namespace');
    const { seen, running } = follow();
    await running;
    expect(seen.fault?.code).toBe('kubernetes_unauthorized');
  });
});
