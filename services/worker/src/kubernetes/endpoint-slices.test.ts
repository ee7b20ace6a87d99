import { describe, expect, it } from 'vitest';
import { endpointsOf, missingPort, sliceOf } from './endpoint-slices.js';
import { endpoint, endpointSlice } from './testing/slices.js';

const found = (slices: readonly object[], port: number | string = 8080) =>
  endpointsOf(slices.map(sliceOf), port).map(
    ({ address, port: number, uid }) => `${uid} ${address}:${number}`,
  );

describe('EndpointSlices', () => {
  it('name the pods of a Service, with name, node and state', () => {
    const slice = endpointSlice('a', [
      endpoint('10.0.0.1', 'pod-1', { conditions: { ready: true, serving: true, terminating: false } }),
      endpoint('10.0.0.2', 'pod-2', { conditions: { ready: false, serving: true, terminating: true } }),
      endpoint('10.0.0.3', 'pod-3', { conditions: {} }),
    ]);
    expect(endpointsOf([sliceOf(slice)], 'http')).toEqual([
      {
        ...{ address: '10.0.0.1', port: 8080, uid: 'uid-pod-1', name: 'pod-1', node: 'node-1' },
        ...{ isReady: true, isTerminating: false },
      },
      expect.objectContaining({ uid: 'uid-pod-2', isReady: false, isTerminating: true }),
      // Unknown conditions count as ready.
      expect.objectContaining({ uid: 'uid-pod-3', isReady: true, isTerminating: false }),
    ]);
  });

  it('name each pod once: with two families of addresses, and in two slices during a move', () => {
    const slices = [
      endpointSlice('six', [endpoint('fd00::1', 'pod-1'), endpoint('fd00::2', 'pod-2')], {
        addressType: 'IPv6',
      }),
      endpointSlice('four', [endpoint('10.0.0.1', 'pod-1')]),
      endpointSlice('four-2', [
        endpoint('10.0.0.1', 'pod-1', { conditions: { ready: false, terminating: true } }),
      ]),
    ];
    expect(found(slices)).toEqual(['uid-pod-1 10.0.0.1:8080']);
    expect(endpointsOf(slices.map(sliceOf), 8080)[0]).toMatchObject({ isReady: true, isTerminating: true });
    // The slice of IPv4 is there before its pods are.
    const [six = {}] = slices;
    expect(found([six, endpointSlice('four', [], { endpoints: null })])).toEqual([]);
    expect(found([six])).toEqual(['uid-pod-1 fd00::1:8080', 'uid-pod-2 fd00::2:8080']);
  });

  it('have the port by its number, or by its name: pods may have different numbers for one name', () => {
    const slices = [
      endpointSlice('a', [endpoint('10.0.0.1', 'pod-1')], {
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      }),
      endpointSlice('b', [endpoint('10.0.0.2', 'pod-2')], {
        ports: [
          { name: 'http', port: 9000 },
          { name: 'metrics', port: 8080, protocol: 'UDP' },
          { port: null },
        ],
      }),
    ];
    expect(found(slices, 'http')).toEqual(['uid-pod-1 10.0.0.1:8080', 'uid-pod-2 10.0.0.2:9000']);
    expect(found(slices, 8080)).toEqual(['uid-pod-1 10.0.0.1:8080']);
    expect(found(slices, 'grpc')).toEqual([]);
    expect(missingPort(slices.map(sliceOf), 'grpc')).toBe('no port grpc, only http=8080, http=9000');
    expect(missingPort(slices.map(sliceOf), 'http')).toBeUndefined();
  });

  it('may be empty, or of names, which are no addresses', () => {
    const empty = endpointSlice('a', [], { endpoints: null, ports: null });
    const names = endpointSlice('b', [endpoint('builder.example', 'x')], { addressType: 'FQDN' });
    expect(found([empty, names])).toEqual([]);
    expect(missingPort([empty].map(sliceOf), 8080)).toBeUndefined();
  });

  it('may hold addresses without a pod', () => {
    const external = { addresses: ['10.0.0.9'], conditions: { ready: true } };
    expect(found([endpointSlice('a', [external])])).toEqual(['undefined 10.0.0.9:8080']);
  });
});
