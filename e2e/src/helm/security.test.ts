import { describe, expect, test } from 'vitest';
import { type KubernetesObject, type RenderOptions, render, valueFiles } from './chart.js';
import { containersOf, podsOf } from './pods.js';

const componentOf = (labels: Readonly<Record<string, string>>) => labels['app.kubernetes.io/component'];

describe.each(valueFiles)('pods with the values %s', (file) => {
  test('run without root, capabilities, a root file system that can be written, or a part of the node', async () => {
    const pods = podsOf(await render({ file }));
    expect(pods.length).toBeGreaterThan(2);
    for (const pod of pods) {
      const { spec, of } = pod;
      expect(spec, of).not.toHaveProperty('hostNetwork');
      expect(spec, of).not.toHaveProperty('hostPID');
      expect(spec, of).not.toHaveProperty('hostIPC');
      expect(
        spec.volumes?.filter(({ hostPath }) => hostPath !== undefined),
        of,
      ).toEqual([]);
      expect(spec.enableServiceLinks, of).toBe(false);
      const { runAsUser, ...inPod } = spec.securityContext ?? {};
      expect(inPod, of).toMatchObject({
        runAsNonRoot: true,
        runAsGroup: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(runAsUser, of).toBe(componentOf(pod.labels) === 'redis' ? 999 : 1000);
      for (const { name, securityContext } of containersOf(pod)) {
        if (name === 'buildkitd') continue;
        expect(securityContext, `${of}, ${name}`).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          runAsNonRoot: true,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        });
      }
    }
  });

  test('have a token of Kubernetes only where workers call its API', async () => {
    const objects = await render({ file });
    const roles = objects.filter(({ kind }) => kind === 'Role') as (KubernetesObject & {
      rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
    })[];
    const tokens = podsOf(objects).filter(({ spec }) => spec.automountServiceAccountToken !== false);
    expect(tokens.map(({ labels }) => componentOf(labels))).toEqual(roles.map(() => 'worker'));
    for (const account of objects.filter(({ kind }) => kind === 'ServiceAccount'))
      expect(account.automountServiceAccountToken, account.metadata.name).toBe(false);
    const allowed = {
      'discovery.k8s.io/endpointslices': ['get', 'list', 'watch'],
      '/pods': ['patch'],
    };
    for (const { apiGroups, resources, verbs } of roles.flatMap(({ rules }) => rules)) {
      const subject = `${apiGroups.join()}/${resources.join()}`;
      expect(allowed).toHaveProperty([subject], verbs);
    }
    expect(objects.filter(({ kind }) => kind.startsWith('ClusterRole'))).toEqual([]);
  });
});

test('workers have no token and no role where they neither watch EndpointSlices nor set deletion costs', async () => {
  const pools = { default: { kind: 'external', external: { url: 'dns+http://pro-builder.openfaas:8080' } } };
  const rights = async (podDeletionCost: boolean) => {
    const objects = await render({ file: 'minimal', values: { pools, rbac: { podDeletionCost } } });
    const roles = objects.filter(({ kind }) => kind === 'Role') as (KubernetesObject & {
      rules: { resources: string[] }[];
    })[];
    const worker = podsOf(objects).find(({ labels }) => componentOf(labels) === 'worker');
    return {
      token: worker?.spec.automountServiceAccountToken,
      resources: roles.flatMap(({ rules }) => rules.flatMap(({ resources }) => resources)),
    };
  };
  expect(await rights(false)).toEqual({ token: false, resources: [] });
  expect(await rights(true)).toEqual({ token: true, resources: ['pods'] });
});

describe('BuildKit', () => {
  const buildkits = async (options: RenderOptions = { file: 'everything' }) => {
    const pods = podsOf(await render(options));
    return pods.flatMap((pod) =>
      (pod.spec.initContainers ?? [])
        .filter(({ name }) => name === 'buildkitd')
        .map((daemon) => ({ pod, daemon })),
    );
  };

  test('is a native sidecar with the security that its guide for rootless mode asks for, and no more', async () => {
    const found = (await buildkits()).filter(({ pod }) => pod.spec.hostUsers === undefined);
    expect(found).toHaveLength(2);
    for (const { pod, daemon } of found) {
      expect(daemon.restartPolicy).toBe('Always');
      expect(daemon.startupProbe).toBeDefined();
      expect(daemon.args).toContain('--oci-worker-no-process-sandbox');
      expect(daemon.securityContext).toEqual({
        runAsNonRoot: true,
        runAsUser: 1000,
        runAsGroup: 1000,
        seccompProfile: { type: 'Unconfined' },
        appArmorProfile: { type: 'Unconfined' },
      });
      expect(Object.keys(pod.annotations).join()).not.toContain('apparmor');
    }
  });

  test('with a process sandbox is root of a user namespace alone', async () => {
    const found = (await buildkits()).filter(({ pod }) => pod.spec.hostUsers === false);
    expect(found).toHaveLength(1);
    for (const { daemon } of found) {
      expect(daemon.image).toMatch(/^moby\/buildkit:v[\d.]+$/);
      expect(daemon.args).not.toContain('--oci-worker-no-process-sandbox');
      expect(daemon.args?.join(' ')).toContain('--group 1000');
      expect(daemon.securityContext).toEqual({
        privileged: true,
        runAsNonRoot: false,
        runAsUser: 0,
        runAsGroup: 0,
      });
    }
  });

  test('has an annotation for AppArmor where Kubernetes has no field for it', async () => {
    for (const { pod, daemon } of await buildkits({ file: 'two-pools', kubeVersion: '1.29.0' })) {
      expect(pod.annotations).toMatchObject({
        'container.apparmor.security.beta.kubernetes.io/buildkitd': 'unconfined',
      });
      expect(daemon.securityContext).not.toHaveProperty('appArmorProfile');
    }
  });

  test('is reached by a socket that it shares with its builder, and has no secrets', async () => {
    for (const { pod, daemon } of await buildkits()) {
      expect(daemon.ports).toBeUndefined();
      expect(daemon.args?.join(' ')).not.toContain('tcp://');
      const mounted = daemon.volumeMounts?.map(({ name }) => name) ?? [];
      const secrets = pod.spec.volumes?.filter(({ secret, projected }) => secret ?? projected) ?? [];
      for (const { name } of secrets) expect(mounted).not.toContain(name);
      const builder = pod.spec.containers.find(({ name }) => name === 'builder');
      const shared = builder?.volumeMounts?.filter(({ name }) => mounted.includes(name));
      expect(shared?.map(({ name }) => name).toSorted()).toEqual(['certificate-authority', 'socket']);
      expect(pod.spec.volumes?.find(({ name }) => name === 'socket')?.emptyDir?.medium).toBe('Memory');
    }
  });
});
