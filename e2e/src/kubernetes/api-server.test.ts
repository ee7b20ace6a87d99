import { type KubernetesApi, startKubernetesApi } from '@slipway/local';
import { afterAll, beforeAll, expect, test } from 'vitest';

let api: KubernetesApi;

beforeAll(async () => {
  api = await startKubernetesApi();
});
afterAll(() => api?.stop());

const list = (objects: readonly unknown[]) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });

const deployment = (container: Record<string, unknown>) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'web:1', ...container }] },
    },
  },
});

test('an API server starts alone, at the version of the cluster', async () => {
  const { serverVersion, clientVersion } = JSON.parse(await api.kubectl(['version', '--output', 'json']));
  expect(serverVersion.gitVersion).toBe('v1.34.4');
  expect(clientVersion.gitVersion).toBe('v1.34.4');
});

test('a strict dry run accepts what is right, and names a field that does not exist', async () => {
  const dryRun = ['apply', '--dry-run=server', '--validate=strict', '--filename', '-'];
  const right = await api.kubectl(dryRun, { input: JSON.stringify(deployment({})) });
  expect(right).toContain('deployment.apps/web created (server dry run)');
  const wrong = api.kubectl(dryRun, { input: JSON.stringify(deployment({ comand: ['sh'] })) });
  await expect(wrong).rejects.toThrow('unknown field "spec.template.spec.containers[0].comand"');
  expect(await api.kubectl(['get', 'deployments', '--output', 'name'])).toBe('');
});

test('the token of a service account has the rights of its role, in its namespace', async () => {
  const metadata = { name: 'reader', namespace: 'slipway' };
  const resources = {
    apiGroups: ['discovery.k8s.io'],
    resources: ['endpointslices'],
    verbs: ['get', 'list', 'watch'],
  };
  const objects = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'slipway' } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules: [resources] },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
  ];
  await api.kubectl(['apply', '--filename', '-'], { input: list(objects) });
  const token = (await api.kubectl(['--namespace', 'slipway', 'create', 'token', 'reader'])).trim();
  // With a client certificate or token in the kubeconfig, --token would not count.
  const as = (...args: string[]) =>
    api.kubectl(['--kubeconfig', '/dev/null', '--server', api.url, '--token', token, ...args]);
  const trusted = [`--certificate-authority=${api.caFile}`];
  expect(await as(...trusted, '--namespace', 'slipway', 'get', 'endpointslices', '--output', 'name')).toBe(
    '',
  );
  for (const refused of [
    ['--namespace', 'slipway', 'get', 'secrets'],
    ['--namespace', 'default', 'get', 'endpointslices'],
  ])
    await expect(as(...trusted, ...refused)).rejects.toThrow('Forbidden');
});
