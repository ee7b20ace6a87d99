/** Returns an endpoint of a pod as an EndpointSlice has it. */
export const endpoint = (address: string, pod: string, more: object = {}) => ({
  addresses: [address],
  conditions: { ready: true, serving: true, terminating: false },
  nodeName: 'node-1',
  targetRef: { kind: 'Pod', namespace: 'builds', name: pod, uid: `uid-${pod}` },
  ...more,
});

/** Returns an EndpointSlice with one port, `http` = 8080. */
export const endpointSlice = (name: string, endpoints: readonly object[], more: object = {}) => ({
  metadata: { name, resourceVersion: '1', labels: { 'kubernetes.io/service-name': 'builders' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints,
  ...more,
});
