import { type KubernetesApi, startKubernetesApi } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chartFolder, helms, runHelm } from '../helm/chart.js';

let api: KubernetesApi;

beforeAll(async () => {
  api = await startKubernetesApi();
});
afterAll(() => api?.stop());

/** No controller runs, so nothing is waited for. */
describe.each(helms)('%s on a real API server', (helm) => {
  const namespace = `trial-${helm}`;
  const run = (...args: string[]) =>
    runHelm([...args, '--kubeconfig', api.kubeconfig, '--namespace', namespace], helm);
  const secret = async () =>
    JSON.parse(
      await api.kubectl(['--namespace', namespace, 'get', 'secret', 'slipway-dev', '--output', 'json']),
    );

  test('an upgrade keeps the generated secrets, and an uninstallation keeps those of volumes', async () => {
    const dev = ['--set', 'dev.enabled=true'];
    const notes = await run('install', 'slipway', chartFolder, '--create-namespace', ...dev);
    expect(notes).toContain(`helm test slipway --namespace ${namespace} --logs`);
    expect(notes).toContain(`rollout status deployment/slipway-api deployment/slipway-worker`);
    const { data } = await secret();
    expect(Object.keys(data)).toHaveLength(8);
    expect(notes).not.toContain(Buffer.from(data['api-token'], 'base64').toString());

    await run('upgrade', 'slipway', chartFolder, ...dev, '--set', 'api.replicas=3');
    expect((await secret()).data).toEqual(data);

    // A key that a later version of the chart needs is added beside the others.
    await api.kubectl([
      ...['--namespace', namespace, 'patch', 'secret', 'slipway-dev', '--type', 'json'],
      ...['--patch', '[{"op": "remove", "path": "/data/build-secrets-key"}]'],
    ]);
    await run('upgrade', 'slipway', chartFolder, ...dev, '--set', 'dev.persistence.enabled=true');
    const added = await secret();
    expect(added.data).toEqual({ ...data, 'build-secrets-key': expect.any(String) });

    await run('uninstall', 'slipway');
    expect((await secret()).data).toEqual(added.data);
    await run('install', 'slipway', chartFolder, ...dev, '--set', 'dev.persistence.enabled=true');
    expect((await secret()).data).toEqual(added.data);
  });
});
