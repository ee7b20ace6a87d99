import { describe, expect, test } from 'vitest';
import { type KubernetesObject, render, valueFiles } from './chart.js';
import { type Container, containersOf, literalsOf, type Pod, podsOf } from './pods.js';

const componentOf = ({ labels }: Pod) => labels['app.kubernetes.io/component'];

/** Returns the container of a service in a pod, or undefined. */
const serviceOf = (pod: Pod) =>
  containersOf(pod).find(({ name }) => ['api', 'worker', 'builder'].includes(name));

/** The settings of a pod's service, of which some are numbers. */
function settingsOf(pod: Pod) {
  const settings = literalsOf(serviceOf(pod) as Container);
  return { settings, number: (name: string) => Number(settings[name]) };
}

const mebibytes = (quantity = '') => {
  const [, number = '', unit = ''] = /^(\d+)([MG])i$/.exec(quantity) ?? [];
  return Number(number) * (unit === 'G' ? 1024 : 1);
};

/** Milliseconds of their grace time that workers keep to hand builds over; builders keep less. */
const reserveMs = 10_000;

describe.each(valueFiles)('workloads with the values %s', (file) => {
  test('have grace times that follow each other: of a build, of the process, of the pod', async () => {
    for (const pod of podsOf(await render({ file }))) {
      if (serviceOf(pod) === undefined) continue;
      const podMs = (pod.spec.terminationGracePeriodSeconds ?? 0) * 1000;
      const { settings, number } = settingsOf(pod);
      const graceMs = number('SHUTDOWN_GRACE_MS');
      if (componentOf(pod) === 'api') {
        const [command, seconds] = serviceOf(pod)?.lifecycle?.preStop?.exec?.command ?? [];
        expect(command).toBe('sleep');
        expect(podMs).toBeGreaterThan(graceMs + Number(seconds) * 1000);
        continue;
      }
      expect(graceMs - reserveMs, pod.of).toBeGreaterThan(number('BUILD_TIMEOUT_MS'));
      expect(podMs, pod.of).toBeGreaterThan(graceMs);
      // BuildKit gets its signal when the builder has ended.
      if (componentOf(pod) === 'builder') expect(podMs - graceMs, pod.of).toBeGreaterThanOrEqual(30_000);
      expect(settings, pod.of).toHaveProperty('SHUTDOWN_GRACE_MS');
    }
  });

  test('have builders with as many slots as workers know, and a Service for each pool', async () => {
    const objects = await render({ file });
    const pods = podsOf(objects);
    const worker = pods.find((pod) => componentOf(pod) === 'worker') as Pod;
    const { settings } = settingsOf(worker);
    const entries = (settings.BUILDERS ?? '').split(',').map((entry) => {
      const [url = '', hash = ''] = entry.split('#');
      return { url, ...Object.fromEntries(hash.split('&').map((pair) => pair.split('='))) };
    });
    const declared = (settings.POOLS ?? '').split(',').map((entry) => entry.split('#')[0]);
    expect(declared).toEqual(entries.map(({ pool }) => pool));
    const builders = pods.filter((pod) => componentOf(pod) === 'builder');
    for (const builder of builders) {
      const pool = builder.labels['slipway/pool'];
      const entry = entries.find((each) => each.pool === pool);
      expect(entry?.max, pool).toBe(settingsOf(builder).settings.MAX_INFLIGHT);
      const { host, searchParams } = new URL(entry?.url ?? '');
      const service = objects.find(({ kind, metadata }) => kind === 'Service' && metadata.name === host);
      const { selector, ports, clusterIP } = (service?.spec ?? {}) as {
        selector: Record<string, string>;
        ports: { name: string }[];
        clusterIP: string;
      };
      expect(clusterIP).toBe('None');
      expect(ports.map(({ name }) => name)).toContain(searchParams.get('port'));
      expect(builder.labels).toMatchObject(selector);
    }
    const ownPools = new Set(builders.map(({ labels }) => labels['slipway/pool']));
    expect(
      entries
        .filter(({ url }) => url.startsWith('k8s://slipway-'))
        .map(({ pool }) => pool)
        .toSorted(),
    ).toEqual([...ownPools].toSorted());
  });

  test('have all probes on the port for health, and heaps that leave room in the memory', async () => {
    for (const pod of podsOf(await render({ file }))) {
      const container = serviceOf(pod);
      if (container === undefined) continue;
      const paths = [container.startupProbe, container.livenessProbe, container.readinessProbe];
      expect(paths.map((probe) => probe?.httpGet?.path)).toEqual(['/healthz', '/healthz', '/readyz']);
      const scheme = 'TLS_CERT_FILE' in literalsOf(container) ? 'HTTPS' : 'HTTP';
      for (const probe of paths) expect(probe?.httpGet).toMatchObject({ port: 'health', scheme });
      const [, heap] = /^--max-old-space-size=(\d+)$/.exec(literalsOf(container).NODE_OPTIONS ?? '') ?? [];
      const limit = mebibytes(container.resources?.limits?.memory);
      expect(Number(heap) * 2, pod.of).toBeLessThanOrEqual(limit);
    }
  });

  test('bound the memory of each container, and the size of each folder', async () => {
    for (const pod of podsOf(await render({ file }))) {
      for (const { name, resources } of containersOf(pod)) {
        expect(mebibytes(resources?.limits?.memory), `${pod.of}, ${name}`).toBeGreaterThan(0);
        expect(resources?.requests, `${pod.of}, ${name}`).toHaveProperty('cpu');
        expect(resources?.requests, `${pod.of}, ${name}`).toHaveProperty('memory');
      }
      for (const { name, emptyDir } of pod.spec.volumes ?? []) {
        if (emptyDir === undefined || name === 'more') continue;
        expect(emptyDir.sizeLimit, `${pod.of}, ${name}`).toMatch(/^\d+[MG]i$/);
      }
    }
  });

  test('mount what they name, and name accounts and configuration that exist', async () => {
    const objects = await render({ file });
    const names = (kind: string) =>
      objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name);
    for (const pod of podsOf(objects)) {
      const mounted = containersOf(pod).flatMap(({ volumeMounts = [] }) =>
        volumeMounts.map(({ name }) => name),
      );
      const volumes = pod.spec.volumes?.map(({ name }) => name) ?? [];
      const claims = claimsOf(objects, pod);
      expect([...new Set(mounted)].toSorted(), pod.of).toEqual([...volumes, ...claims].toSorted());
      for (const container of containersOf(pod)) {
        const folders = (container.volumeMounts ?? []).map(({ mountPath }) => mountPath);
        for (const [name, value] of Object.entries(literalsOf(container))) {
          if (!/_(FILE|DIR)$|^DOCKER_CONFIG$/.test(name)) continue;
          expect(
            folders.some((path) => value === path || value.startsWith(`${path}/`)),
            `${pod.of}: ${name}`,
          ).toBe(true);
        }
      }
      if (pod.spec.serviceAccountName) expect(names('ServiceAccount')).toContain(pod.spec.serviceAccountName);
      for (const { configMap } of pod.spec.volumes ?? []) {
        if (configMap && configMap.name !== 'authority') expect(names('ConfigMap')).toContain(configMap.name);
      }
    }
  });
});

function claimsOf(objects: readonly KubernetesObject[], pod: Pod): string[] {
  const owner = objects.find(({ kind, metadata }) => `${kind} ${metadata.name}` === pod.of);
  const { volumeClaimTemplates = [] } = (owner?.spec ?? {}) as {
    volumeClaimTemplates?: { metadata: { name: string } }[];
  };
  return volumeClaimTemplates.map(({ metadata }) => metadata.name);
}

test('a grace time of the values counts for the process, and for its pod', async () => {
  const values = {
    worker: { shutdownGraceSeconds: 20 },
    pools: { default: { shutdownGraceSeconds: 15 }, arm: {} },
  };
  const pods = podsOf(await render({ file: 'minimal', values }));
  const graces = pods
    .filter((pod) => ['worker', 'builder'].includes(componentOf(pod) ?? ''))
    .map((pod) => [
      pod.of.split(' ')[1],
      settingsOf(pod).number('SHUTDOWN_GRACE_MS'),
      pod.spec.terminationGracePeriodSeconds,
    ]);
  expect(graces.toSorted()).toEqual([
    ['slipway-builder-arm', 1_860_000, 1_890],
    ['slipway-builder-default', 15_000, 45],
    ['slipway-worker', 20_000, 50],
  ]);
});

test('a pool decides how its builders keep builds whose worker is gone', async () => {
  const detachedBuilds = { seconds: 0, resultSeconds: 60, logMebibytes: 8 };
  const pods = podsOf(await render({ file: 'minimal', values: { pools: { arm: { detachedBuilds } } } }));
  const builders = pods.filter((pod) => componentOf(pod) === 'builder');
  const kept = builders.map((pod) => [
    pod.of.split(' ')[1],
    ...['DETACHED_BUILD_MS', 'BUILD_RESULT_MS', 'BUILD_LOG_BYTES'].map(settingsOf(pod).number),
  ]);
  expect(kept.toSorted()).toEqual([
    ['slipway-builder-arm', 0, 60_000, 8 * 1024 * 1024],
    ['slipway-builder-default', 60_000, 300_000, 32 * 1024 * 1024],
  ]);
});

describe('builders', () => {
  const builderOf = async (values: Record<string, unknown>) => {
    const pods = podsOf(await render({ file: 'minimal', values }));
    return pods.find((pod) => componentOf(pod) === 'builder') as Pod;
  };

  test('are replaced when the configuration of their BuildKit changes, and only then', async () => {
    const checksums = await Promise.all(
      [{}, { publicUrl: 'https://builds.example.com' }, { registries: { insecure: ['registry.local'] } }].map(
        async (values) => (await builderOf(values)).annotations['checksum/buildkitd'],
      ),
    );
    expect(checksums[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(checksums[1]).toBe(checksums[0]);
    expect(checksums[2]).not.toBe(checksums[0]);
  });

  test('are not replaced by another version of the chart', async () => {
    for (const pod of podsOf(await render({ file: 'everything' }))) {
      expect(Object.keys(pod.labels), pod.of).not.toContain('helm.sh/chart');
      expect(Object.keys(pod.labels), pod.of).not.toContain('app.kubernetes.io/version');
    }
  });

  test.each([
    ['emptyDir', 'Deployment', undefined],
    ['ephemeral', 'Deployment', 1000],
    ['persistentVolumeClaim', 'StatefulSet', 1000],
  ])('with a cache of the type %s are a %s', async (type, kind, fsGroup) => {
    const pod = await builderOf({ pools: { default: { cache: { type } } } });
    expect(pod.of).toBe(`${kind} slipway-builder-default`);
    expect(pod.spec.securityContext?.fsGroup).toBe(fsGroup);
    const names = pod.spec.initContainers?.map(({ name }) => name);
    // A folder of a claim would pass its group on to files in layers.
    expect(names).toEqual(fsGroup ? ['cache-folder', 'buildkitd'] : ['buildkitd']);
  });
});
