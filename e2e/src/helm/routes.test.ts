import { expect, test } from 'vitest';
import { type KubernetesObject, render } from './chart.js';

interface Ingress {
  readonly ingressClassName?: string;
  readonly rules: readonly {
    readonly http: { readonly paths: readonly { readonly backend: { readonly service: Backend } }[] };
  }[];
  readonly tls?: readonly { readonly hosts: readonly string[]; readonly secretName: string }[];
}

interface Backend {
  readonly name: string;
  readonly port: { readonly name: string };
}

interface Route {
  readonly rules: readonly {
    readonly timeouts?: object;
    readonly backendRefs: readonly { readonly name: string; readonly port: number }[];
  }[];
}

const withValues = (values: object) => render({ file: 'minimal', values });
const find = (objects: readonly KubernetesObject[], kind: string, name: string) =>
  objects.filter((object) => object.kind === kind && object.metadata.name === name);
/** Returns the only object of a kind. */
function only(objects: readonly KubernetesObject[], kind: string): KubernetesObject {
  const [object, ...more] = objects.filter((each) => each.kind === kind);
  if (object === undefined || more.length > 0) throw new Error(`there is not one ${kind}`);
  return object;
}
const portsOf = (objects: readonly KubernetesObject[], service: string) =>
  find(objects, 'Service', service).flatMap(
    ({ spec }) => (spec as { ports: { name: string; port: number }[] }).ports,
  );

test('an Ingress leads to the API for requests, and cert-manager writes its certificate', async () => {
  const hosts = ['builds.example.com', 'builds.example.org'];
  const objects = await withValues({
    ingress: { enabled: true, hosts, annotations: { a: 'b' }, tls: { clusterIssuer: 'letsencrypt' } },
  });
  const ingress = only(objects, 'Ingress');
  expect(ingress.metadata.annotations).toEqual({ a: 'b', 'cert-manager.io/cluster-issuer': 'letsencrypt' });
  const { rules, tls, ingressClassName } = ingress.spec as Ingress;
  expect(ingressClassName).toBeUndefined();
  expect(tls).toEqual([{ hosts, secretName: 'slipway-tls' }]);
  expect(rules).toHaveLength(2);
  for (const { http } of rules)
    for (const { backend } of http.paths)
      expect(portsOf(objects, backend.service.name).map(({ name }) => name)).toEqual([
        backend.service.port.name,
      ]);
});

test('an Ingress without TLS has no certificate', async () => {
  const ingress = { enabled: true, hosts: ['builds.example.com'], tls: { enabled: false } };
  const made = only(await withValues({ ingress }), 'Ingress');
  expect(made.spec).not.toHaveProperty('tls');
  expect(made.metadata).not.toHaveProperty('annotations');
});

test('an HTTPRoute leads to the port of the API, with the timeouts of the values', async () => {
  const gateway = {
    ...{ enabled: true, parentRefs: [{ name: 'public' }], hostnames: ['builds.example.com'] },
    timeouts: { request: '0s' },
  };
  const objects = await withValues({ gateway, api: { service: { port: 80 } } });
  const route = only(objects, 'HTTPRoute');
  const { rules } = route.spec as Route;
  expect(rules).toHaveLength(1);
  for (const { timeouts, backendRefs } of rules) {
    expect(timeouts).toEqual({ request: '0s' });
    expect(backendRefs).toEqual([{ name: 'slipway-api', port: 80 }]);
    expect(portsOf(objects, 'slipway-api').map(({ port }) => port)).toEqual([80]);
  }
});

test('routes and services publish no metrics', async () => {
  const objects = await withValues({
    pools: { default: { autoscaling: { enabled: true } } },
    ingress: { enabled: true, hosts: ['builds.example.com'] },
    api: { service: { type: 'LoadBalancer' } },
  });
  expect(find(objects, 'Service', 'slipway-api-metrics').map(({ spec }) => spec)).toEqual([
    expect.objectContaining({ type: 'ClusterIP' }),
  ]);
  expect(portsOf(objects, 'slipway-api').map(({ name }) => name)).toEqual(['http']);
});

test.each([
  [{ ingress: { enabled: true } }, "at '/ingress/hosts': minItems"],
  [{ gateway: { enabled: true } }, "at '/gateway/parentRefs': minItems"],
  [
    { ingress: { enabled: true, hosts: ['a.example'], tls: { clusterIssuer: 'x', issuer: 'y' } } },
    'ingress.tls.clusterIssuer is x and ingress.tls.issuer is y. cert-manager takes one of them: remove the other.',
  ],
  [{ networkPolicy: { closed: ['10.0.0.0'] } }, "at '/networkPolicy/closed/0'"],
  [{ networkPolicy: { api: { from: [] } } }, "at '/networkPolicy/api/from': minItems"],
])('refuses %j with a message', async (values, message) => {
  await expect(withValues(values)).rejects.toThrow(message);
});
