import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, temporaryFolder } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from '../compose/model.js';
import { imageEnvironment, readSettings } from '../compose/settings.js';
import { render, valueFiles } from './chart.js';
import { type Container, containersOf, literalsOf, podsOf } from './pods.js';

const services = ['api', 'worker', 'builder'] as const;
type Service = (typeof services)[number];

/** Programs and libraries below Slipway read these, and workers alone the address of Kubernetes, which is in each pod. */
const others = [
  'AWS_SHARED_CREDENTIALS_FILE',
  'KUBERNETES_SERVICE_HOST',
  'MALLOC_ARENA_MAX',
  'NODE_ENV',
  'NODE_EXTRA_CA_CERTS',
  'NODE_NAME',
  'NODE_OPTIONS',
];

/** Variables of docker-compose.yml that no pod has, and why. */
const elsewhere: Readonly<Record<string, string>> = {
  OTEL_EXPORTER_OTLP_HEADERS: 'a secret, so a file: OTEL_EXPORTER_OTLP_HEADERS_FILE',
  OTEL_SDK_DISABLED: 'without tracing.endpoint there are no traces',
  PAYLOAD_SECRET_PREVIOUS: 'a secret, so a file: PAYLOAD_SECRET_PREVIOUS_FILE',
  REGISTRY_EVENTS_TOKENS: 'a secret, so a file: REGISTRY_EVENTS_TOKENS_FILE',
  WEBHOOK_TOKENS: 'a secret, so a file: WEBHOOK_TOKENS_FILE',
};

const folder = await temporaryFolder();
afterAll(() => folder.remove());

async function containersOfService(file: string, service: Service): Promise<Container[]> {
  const pods = podsOf(await render({ file }));
  return pods.flatMap(containersOf).filter(({ name }) => name === service);
}

/** Writes a usable file for each path that the chart mounts, below the folder of this test. */
async function writeMounts() {
  const { caFile, issue } = await createAuthority(folder.path);
  const { certFile, keyFile } = await issue('redis');
  const [ca, certificate, key] = await Promise.all([caFile, certFile, keyFile].map((path) => readFile(path)));
  const files: Record<string, string | Buffer | undefined> = {
    'run/secrets/slipway/api-token': 'token',
    'run/secrets/slipway/build-secrets-key': Buffer.alloc(32, 1).toString('base64'),
    'run/secrets/slipway/git-credentials.json': '{"github.com": {"token": "token"}}',
    'run/secrets/slipway/payload-secret': 'secret',
    'run/secrets/slipway/payload-secret-previous': 'earlier',
    'run/secrets/slipway/redis-ca.crt': ca,
    'run/secrets/slipway/redis-password': 'password',
    'run/secrets/slipway/redis-sentinel-password': 'password',
    'run/secrets/slipway/redis-tls.crt': certificate,
    'run/secrets/slipway/redis-tls.key': key,
    'run/secrets/slipway/registry-events-tokens': 'a'.repeat(43),
    'run/secrets/slipway/tracing-headers': 'authorization=token',
    'run/secrets/slipway/webhook-secret': `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
    'run/secrets/slipway/webhook-tokens': 'ci@ci.example=token',
    'etc/slipway/git-ssh/git-ssh.json': '{}',
    'etc/slipway/tenants/tenants.yaml': 'tenants: []',
    'etc/slipway/tls/tls.crt': certificate,
    'etc/slipway/tls/tls.key': key,
    'etc/slipway/docker/config.json': '{}',
  };
  for (const [path, content = ''] of Object.entries(files)) {
    await mkdir(join(folder.path, path, '..'), { recursive: true });
    await writeFile(join(folder.path, path), content, { mode: 0o600 });
  }
}

describe.each(services)('%s', (service) => {
  beforeAll(writeMounts);

  test.each(valueFiles)('starts with the settings of the values %s, and reads all of them', async (file) => {
    const ofImage = await imageEnvironment(service);
    for (const container of await containersOfService(file, service)) {
      const mounted = Object.entries({ ...ofImage, ...literalsOf(container) }).map(([name, value]) => [
        name,
        value.replace(/^\/(?=run\/secrets\/|etc\/slipway\/)/, `${folder.path}/`),
      ]);
      // The services read no trace settings while traces are off.
      const env = {
        ...{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', KUBERNETES_SERVICE_HOST: '10.96.0.1' },
        ...Object.fromEntries(mounted),
      };
      const { read, problem } = await readSettings(service, env);
      expect(problem).toBeUndefined();
      const unread = Object.keys(env).filter((name) => ![...read, ...others].includes(name));
      expect(unread).toEqual([]);
    }
  });

  test('has every variable that docker-compose.yml gives it', async () => {
    const compose = parse(await readFile(join(root, 'docker-compose.yml'), 'utf8'), { merge: true });
    const given = Object.keys(compose.services[service === 'builder' ? 'builder-1' : service].environment);
    expect(given.length).toBeGreaterThan(10);
    const containers = await Promise.all(
      ['everything', 'high-availability', 'minimal'].map((file) => containersOfService(file, service)),
    );
    const offered = containers.flat().flatMap(({ env = [] }) => env.map(({ name }) => name));
    const missing = given.filter((name) => !offered.includes(name));
    expect(missing.filter((name) => !(name in elsewhere))).toEqual([]);
    // An exception that the chart has after all is none.
    expect(offered.filter((name) => name in elsewhere)).toEqual([]);
  });

  test('has the ports of its image, and a port for metrics that clients do not reach', async () => {
    const { PORT, HEALTH_PORT } = await imageEnvironment(service);
    for (const container of await containersOfService('minimal', service)) {
      expect(container.ports).toEqual([
        { name: 'http', containerPort: Number(PORT) },
        { name: 'health', containerPort: Number(HEALTH_PORT) },
        { name: 'metrics', containerPort: 9464 },
      ]);
      const { METRICS_PORT } = literalsOf(container);
      expect(METRICS_PORT).toBe('9464');
    }
  });
});
