import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chartFolder, helms, render, renderText } from './chart.js';
import { podsOf } from './pods.js';

const production = {
  redis: { url: 'redis://slipway@redis.example.com:6379' },
  blobs: { store: 's3://builds?region=eu-central-1' },
  secrets: { existingSecret: 'slipway' },
};

/** Each case has a fault, the values, and words of the message. */
const refused: readonly [string, Record<string, unknown>, string][] = [
  ['no Redis', { ...production, redis: {} }, 'redis.url is empty. Name your Redis'],
  [
    'another URL for Redis',
    { ...production, redis: { url: 'http://redis' } },
    'redis.url is http://redis. It must begin with redis://',
  ],
  [
    'a password in a URL',
    { ...production, redis: { url: 'redis://slipway:swordfish@redis' } },
    'redis.url holds a password. Put the password into a Secret',
  ],
  [
    'a wrong prefix',
    { dev: { enabled: true }, redis: { prefix: 'a:b' } },
    'redis.prefix is a:b. It must be 1 to 64 letters',
  ],
  ['no blob store', { ...production, blobs: {} }, 'blobs.store is empty. Name a bucket'],
  [
    'another URL for blobs',
    { ...production, blobs: { store: 'gs://builds' } },
    'blobs.store is gs://builds. It must be s3://',
  ],
  [
    'a bucket without a region',
    { ...production, blobs: { store: 's3://builds' } },
    'without a region. Add ?region=',
  ],
  [
    'files without a claim',
    { ...production, blobs: { store: 'file:///blobs' } },
    'blobs.existingClaim is empty. Name a volume claim',
  ],
  ['no secrets', { ...production, secrets: {} }, 'secrets.existingSecret is empty, and'],
  [
    'no pool',
    { dev: { enabled: true }, pools: { default: { enabled: false } } },
    'pools has no pool that is enabled',
  ],
  [
    'the name of a pool',
    { dev: { enabled: true }, pools: { ARM: {} } },
    'pools has the name ARM. It must be 1 to 32',
  ],
  [
    'an unknown kind of pool',
    { dev: { enabled: true }, pools: { arm: { kind: 'pro' } } },
    "at '/pools/arm/kind': value must be one of 'slipway', 'external'",
  ],
  [
    'no slots',
    { dev: { enabled: true }, pools: { arm: { slots: 0 } } },
    "at '/pools/arm/slots': minimum: got 0, want 1",
  ],
  [
    'a platform without an architecture',
    { dev: { enabled: true }, pools: { arm: { platforms: ['linux'] } } },
    'pools.arm.platforms has linux. It must be like linux/amd64',
  ],
  [
    'external builders without a URL',
    { dev: { enabled: true }, pools: { pro: { kind: 'external' } } },
    'pools.pro.external.url is empty. Name the builders',
  ],
  [
    'an unknown mode of BuildKit',
    { dev: { enabled: true }, pools: { arm: { buildkit: { mode: 'root' } } } },
    "at '/pools/arm/buildkit/mode': value must be one of 'rootless', 'userns'",
  ],
  [
    'a URL with a path',
    { dev: { enabled: true }, pools: { pro: { kind: 'external', external: { url: 'http://a:1/build' } } } },
    'pools.pro.external.url is http://a:1/build. It must be http://host:port',
  ],
  [
    'a URL for own builders',
    { dev: { enabled: true }, pools: { pro: { external: { url: 'http://a:1' } } } },
    'pools.pro has external.url, but its kind is slipway',
  ],
  [
    'a misspelled value',
    { dev: { enabled: true }, pools: { arm: { slotz: 2 } } },
    "at '/pools/arm': additional properties 'slotz' not allowed",
  ],
  ['a misspelled part', { dev: { enabled: true }, wroker: {} }, "additional properties 'wroker' not allowed"],
  [
    'a text for a number',
    { dev: { enabled: true }, api: { replicas: 'two' } },
    "at '/api/replicas': got string, want integer",
  ],
  [
    'a build timeout of seconds',
    { dev: { enabled: true }, buildTimeoutSeconds: 5 },
    "at '/buildTimeoutSeconds': minimum: got 5, want 60",
  ],
  [
    'a size without a number',
    { dev: { enabled: true }, worker: { spoolSize: 'much' } },
    "at '/worker/spoolSize'",
  ],
  [
    'a wrong digest',
    { dev: { enabled: true }, api: { image: { digest: 'sha256:12' } } },
    "at '/api/image/digest'",
  ],
  [
    'the name of a setting',
    { dev: { enabled: true }, settings: { log_level: 'debug' } },
    'settings has log_level. Settings have names like LOG_LEVEL',
  ],
  [
    'a setting of the chart',
    { dev: { enabled: true }, worker: { settings: { BUILDERS: 'http://a' } } },
    'worker.settings has BUILDERS, which the chart sets from other values',
  ],
  [
    'a secret in a setting',
    { dev: { enabled: true }, worker: { settings: { WEBHOOK_SECRET: 'swordfish' } } },
    'worker.settings has WEBHOOK_SECRET, which is a secret. Put it into a Secret',
  ],
  [
    'a link without a scheme',
    { dev: { enabled: true }, publicUrl: 'builds.example.com' },
    'publicUrl is builds.example.com. It must begin with https://',
  ],
];

describe.each(helms)('%s', (helm) => {
  test.each(refused)('refuses %s in words', async (_, values, message) => {
    const error = await renderText({ helm, values }).catch((thrown: Error) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toContain(message);
    // The command line in front holds all values.
    expect((error as Error).message.replace(/^Command failed.*$/m, '')).not.toContain('swordfish');
  });

  test('refuses a Kubernetes that is too old', async () => {
    const old = renderText({ helm, file: 'dev', kubeVersion: '1.28.9' });
    await expect(old).rejects.toThrow('chart requires kubeVersion: >=1.29.0-0');
  });

  test('refuses user namespaces where Kubernetes has none by default', async () => {
    const values = { dev: { enabled: true }, pools: { tenants: { buildkit: { mode: 'userns' } } } };
    const old = renderText({ helm, values, kubeVersion: '1.32.4' });
    await expect(old).rejects.toThrow('pools.tenants.buildkit.mode is userns, which needs Kubernetes 1.33.');
  });
});

test('the oldest Kubernetes is accepted, also one with the suffix of a provider', async () => {
  for (const kubeVersion of ['1.29.0', '1.29.3-gke.1', '1.33.1+k3s1'])
    expect(podsOf(await render({ file: 'dev', kubeVersion })).length).toBeGreaterThan(5);
});

test('the chart has the version of the package', async () => {
  const { version } = JSON.parse(await readFile(join(chartFolder, '../../../package.json'), 'utf8'));
  const chart = await readFile(join(chartFolder, 'Chart.yaml'), 'utf8');
  expect(chart).toContain(`\nversion: ${version}\nappVersion: ${version}\n`);
});

test('an image is named by the version of the chart, by a tag, or by a digest', async () => {
  const images = async (values: Record<string, unknown>) => {
    const pods = podsOf(await render({ file: 'minimal', values }));
    return pods.flatMap(({ spec }) => spec.containers).find(({ name }) => name === 'api')?.image;
  };
  const digest = `sha256:${'0'.repeat(64)}`;
  expect(await images({})).toMatch(/^slipway\/api:\d+\.\d+\.\d+$/);
  expect(await images({ image: { tag: 'next', registry: 'r.example' } })).toBe('r.example/slipway/api:next');
  expect(await images({ image: { tag: 'next' }, api: { image: { digest } } })).toBe(`slipway/api@${digest}`);
  expect(
    await images({
      image: { registry: 'r.example' },
      api: { image: { repository: 'q.example/api', tag: '1' } },
    }),
  ).toBe('q.example/api:1');
});

test('a pool that is null or switched off is gone, and others keep their defaults', async () => {
  for (const gone of [null, { enabled: false }]) {
    const objects = await render({
      file: 'minimal',
      values: { pools: { default: gone, arm: { slots: 7 } } },
    });
    const builders = objects.filter(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name.includes('builder'),
    );
    expect(builders.map(({ metadata }) => metadata.name)).toEqual(['slipway-builder-arm']);
  }
});

test('names of pools that are too long for Kubernetes end with a hash, and differ', async () => {
  const pool = 'p'.repeat(31);
  const values = { fullnameOverride: 'f'.repeat(30), pools: { [`${pool}a`]: {}, [`${pool}b`]: {} } };
  const objects = await render({ file: 'minimal', values });
  const names = objects.filter(({ kind }) => kind === 'Deployment').map(({ metadata }) => metadata.name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name.length).toBeLessThanOrEqual(52);
});
