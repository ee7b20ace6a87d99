import { expect, test } from 'vitest';
import { loadConfig } from './config.js';

const least = { PAYLOAD_SECRET: 'x' };

test('needs a secret and nothing else', () => {
  expect(() => loadConfig({})).toThrow(/PAYLOAD_SECRET/);
  const config = loadConfig({ ...least, HOME: '/home/x' });
  expect(config).toMatchObject({
    ...{ port: 8081, engine: 'auto', maxInflight: 0, insecureRegistries: [], allowedFrontends: [] },
    ...{ bindHost: undefined, engineStateDir: undefined, buildTimeoutMs: 1_800_000 },
  });
});

test('reads lists, whatever blanks are between', () => {
  const config = loadConfig({
    ...least,
    INSECURE_REGISTRIES: 'registry:5000, 127.0.0.1:5001,,Localhost',
    ALLOWED_FRONTENDS: 'docker/dockerfile:1 , r.io/fe@sha256:'.concat('a'.repeat(64)),
  });
  expect(config.insecureRegistries).toEqual(['registry:5000', '127.0.0.1:5001', 'localhost']);
  expect(config.allowedFrontends).toHaveLength(2);
});

test.each([
  ['ENGINE', 'docker'],
  ['BUILDKIT_HOST', '/run/buildkit.sock'],
  ['BUILDKIT_HOST', '--help'],
  ['MAX_INFLIGHT', '-1'],
  ['BUILD_TIMEOUT_MS', '0'],
  ['INSECURE_REGISTRIES', 'http://registry:5000'],
  ['INSECURE_REGISTRIES', 'a"b'],
  ['ALLOWED_FRONTENDS', 'A B'],
  ['PAYLOAD_SECRET_FILE', '/no/such/file'],
])('refuses %s=%s, by name', (name, value) => {
  expect(() => loadConfig({ ...least, [name]: value })).toThrow(name);
});
