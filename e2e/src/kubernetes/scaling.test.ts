import { setTimeout as delay } from 'node:timers/promises';
import type { Job } from '@slipway/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dockerfile, makeContext, tarOf } from '../context.js';
import { measured, report } from './figures.js';
import { installKeda } from './keda.js';
import { installRelease, type Release } from './release.js';
import { smallBuilder } from './small-values.js';
import { useCluster } from './use-cluster.js';

const namespace = 'scaling-test';
const buildSeconds = 8;
/** 60 builds are work for 12 builders, also once their time is known. */
const drainTargetSeconds = 40;
let release: Release;
let digest: string;

/** Each builder builds one job at a time. */
const pool = { ...smallBuilder, slots: 1, drainTargetSeconds };
const autoscaling = { enabled: true, pollingSeconds: 2, cooldownSeconds: 15, scaleDownSeconds: 15 };

beforeAll(async () => {
  const cluster = useCluster();
  await installKeda(cluster);
  release = await installRelease({
    cluster,
    namespace,
    values: {
      pools: {
        default: { ...pool, autoscaling: { ...autoscaling, minReplicas: 1, maxReplicas: 6 } },
        spare: { ...pool, autoscaling: { ...autoscaling, minReplicas: 0, maxReplicas: 2 } },
      },
    },
  });
  const context = makeContext({
    Dockerfile: dockerfile('ARG NAME', 'ARG SECONDS', 'RUN echo "$NAME" > /name && sleep "$SECONDS"'),
  });
  ({ digest } = await release.client.uploadSource({ archive: tarOf(context) }));
});
afterAll(() => release?.remove());

const submit = (name: string, options: { readonly pool?: string } = {}): Promise<Job> =>
  release.client.submitJob({
    spec: {
      image: `slipway-registry:5000/scaling/${name}:1`,
      source: { digest },
      build_args: { NAME: name, SECONDS: String(buildSeconds) },
      ...options,
    },
  });

const buildersOf = async (name: string) => {
  const path = 'jsonpath={.status.readyReplicas}';
  const shown = await release.kubectl('get', 'deployment', `slipway-builder-${name}`, '--output', path);
  return Number(shown);
};

/** Follows the ready builders of a pool until `until` settles. Resolves to the largest number. */
async function mostBuilders(name: string, until: Promise<unknown>): Promise<number> {
  let over = false;
  const end = until.finally(() => {
    over = true;
  });
  let most = 0;
  while (!over) {
    most = Math.max(most, await buildersOf(name));
    await delay(500);
  }
  await end;
  return most;
}

/** Prints the resident memory of the process of each component, the largest of its pods. */
async function reportMemory(): Promise<void> {
  for (const component of ['api', 'worker', 'builder']) {
    const shown = await release.kubectl(
      ...['get', 'pods', '--selector', `app.kubernetes.io/component=${component}`],
      ...['--output', 'jsonpath={.items[*].status.podIP}'],
    );
    const addresses = shown.split(' ').filter((address) => address !== '');
    const bytes = await Promise.all(addresses.map(residentBytes));
    report(`${component}: at most ${Math.round(Math.max(...bytes) / 2 ** 20)} MiB resident`);
  }
}

async function residentBytes(address: string): Promise<number> {
  const metrics = await (await fetch(`http://${address}:9464/metrics`)).text();
  const [, bytes] = /^process_resident_memory_bytes (\d+)$/m.exec(metrics) ?? [];
  return Number(bytes);
}

/** Every job has succeeded at its first attempt. */
async function builtOnce(jobs: readonly Job[]): Promise<void> {
  const ended = await Promise.all(jobs.map(({ id }) => release.client.waitForEnd({ id })));
  expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(['succeeded']));
  const attempts = ended.map((job) => job.attempts.map(({ outcome }) => outcome));
  expect(attempts).toEqual(jobs.map(() => ['succeeded']));
}

test('60 jobs scale a pool from 1 builder to 6 and back, and each is built once', async () => {
  await expect.poll(() => buildersOf('default')).toBe(1);
  const jobs = await Promise.all(Array.from({ length: 60 }, (_each, at) => submit(`job-${at}`)));
  const most = await measured('60 jobs built', mostBuilders('default', builtOnce(jobs)));
  report(`up to ${most} builders`);
  expect(most).toBe(6);
  await reportMemory();
  await measured('back to 1 builder', expect.poll(() => buildersOf('default')).toBe(1));
});

test('a job starts the first builder of a pool without any, which stops again', async () => {
  await expect.poll(() => buildersOf('spare')).toBe(0);
  const job = await submit('spare', { pool: 'spare' });
  await measured('a job built from 0 builders', builtOnce([job]));
  await measured('back to 0 builders', expect.poll(() => buildersOf('spare')).toBe(0));
});
