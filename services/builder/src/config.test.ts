import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { Fields, Secret } from '@slipway/shared/config';
import { generateKeyPair } from '@slipway/shared/sealing';
import { badPayloadSettings, describeSettings, settingsRead } from '@slipway/shared/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { builderConfig, loadConfig, warningsOf } from './config.js';

const least = { PAYLOAD_SECRET: 'x' };

test('needs a secret and nothing else', () => {
  expect(() => loadConfig({})).toThrow(/PAYLOAD_SECRET/);
  const config = loadConfig({ ...least, HOME: '/home/x' });
  expect(config).toMatchObject({
    ...{ port: 8081, engine: 'auto', maxInflight: 0, insecureRegistries: [], allowedFrontends: [] },
    ...{ bindHost: undefined, buildTimeoutMs: 1_800_000 },
    engines: {
      buildkit: {
        settings: { buildkit_host: 'unix:///run/buildkit/buildkitd.sock', sbom_scanner: 'none' },
      },
      buildah: { settings: { engine_state_dir: 'default', buildah_trusted_sources: false } },
    },
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

test('signatures are checked unless DISABLE_HMAC is on', () => {
  expect(loadConfig(least).payloadSecret?.reveal()).toBe('x');
  expect(loadConfig({ DISABLE_HMAC: 'true' }).payloadSecret).toBeUndefined();
  expect(() => loadConfig({ disable_hmac: 'false' })).toThrow(/PAYLOAD_SECRET is not set/);
});

describe('build secrets', () => {
  const [older, newer] = [generateKeyPair(), generateKeyPair()];

  test('are opened with the keys of a file, the first of which is handed out', async () => {
    const { path, remove } = await temporaryFolder();
    onTestFinished(remove);
    const file = join(path, 'keys');
    await writeFile(file, `${newer.privateKey.reveal()}\n${older.privateKey.reveal()}\n`);
    for (const name of ['BUILD_SECRETS_PRIVATE_KEY_FILE', 'build_secrets_private_key_path']) {
      const { keyRing } = loadConfig({ ...least, [name]: file });
      expect(keyRing?.current.publicKey).toBe(newer.publicKey);
      expect(keyRing?.keyIds).toEqual([newer, older].map(({ publicKey }) => publicKey.slice(0, 8)));
    }
    expect(loadConfig(least).keyRing).toBeUndefined();
  });

  test('with a key that is none are refused, without showing it', () => {
    const almost = older.privateKey.reveal().slice(1);
    const loading = () => loadConfig({ ...least, BUILD_SECRETS_PRIVATE_KEY: almost });
    expect(loading).toThrow('BUILD_SECRETS_PRIVATE_KEY is not a key of 32 bytes in base64');
    expect(loading).not.toThrow(almost);
  });
});

describe('names of the chart', () => {
  test('stand for ours', () => {
    expect(
      loadConfig({
        ...least,
        max_inflight: '3',
        buildkit_url: 'tcp://127.0.0.1:1234',
        insecure: 'true',
        disable_hmac: 'false',
        enable_lchown: 'false',
      }),
    ).toMatchObject({
      ...{ maxInflight: 3, insecureRegistries: ['*'] },
      engines: { buildkit: { settings: { buildkit_host: 'tcp://127.0.0.1:1234' } } },
      payloadSecret: expect.anything(),
    });
    expect(loadConfig({ disable_hmac: 'true' }).payloadSecret).toBeUndefined();
  });

  test('may be given beside ours where both say the same', () => {
    const config = loadConfig({
      ...least,
      ...{ MAX_INFLIGHT: '0', max_inflight: '0', DISABLE_HMAC: 'false', disable_hmac: 'FALSE' },
      ...{ INSECURE_REGISTRIES: 'r:5000', insecure: 'false', BUILDKIT_HOST: 'unix:///x', buildkit_url: '' },
    });
    expect(config).toMatchObject({
      ...{ maxInflight: 0, insecureRegistries: ['r:5000'] },
      engines: { buildkit: { settings: { buildkit_host: 'unix:///x' } } },
    });
  });

  test.each([
    ['MAX_INFLIGHT', '4', 'max_inflight', '0'],
    ['DISABLE_HMAC', 'false', 'disable_hmac', 'true'],
    ['BUILDKIT_HOST', 'unix:///a', 'buildkit_url', 'unix:///b'],
    ['INSECURE_REGISTRIES', 'r:5000', 'insecure', 'true'],
    ['BUILD_SECRETS_PRIVATE_KEY_FILE', '/a', 'build_secrets_private_key_path', '/b'],
  ])('%s=%s beside %s=%s stops the start', (own, ours, chart, theirs) => {
    const env = { ...least, [own]: ours, [chart]: theirs };
    expect(() => loadConfig(env)).toThrow(`${own} is '${ours}', but ${chart} is '${theirs}'`);
  });

  test.each([
    ['max_inflight', 'many'],
    ['disable_hmac', 'yes'],
    ['insecure', 'maybe'],
    ['enable_lchown', 'x'],
    ['buildkit_url', 'localhost'],
  ])('refuses %s=%s', (name, value) => {
    expect(() => loadConfig({ ...least, [name]: value })).toThrow(name);
  });
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
  ['PAYLOAD_SECRET_PREVIOUS_FILE', '/no/such/file'],
  ['PAYLOAD_SECRET_PREVIOUS', 'a\nb\nc\nd\ne'],
  ['BUILD_SECRETS_PRIVATE_KEY_FILE', '/no/such/file'],
  ['BUILD_SECRETS_PRIVATE_KEY', 'c2hvcnQ='],
  ['BUILDER_SBOM_SCANNER', 'A B'],
  ['DISABLE_HMAC', 'off'],
  ['BUILDAH_TRUSTED_SOURCES', 'yes'],
])('refuses %s=%s, by name', (name, value) => {
  expect(() => loadConfig({ ...least, [name]: value })).toThrow(name);
});

describeSettings({
  service: 'builder',
  loadConfig,
  least,
  bad: {
    ...badPayloadSettings,
    ALLOWED_FRONTENDS: ['Not An Image'],
    BUILDAH_TRUSTED_SOURCES: ['maybe'],
    BUILDER_SBOM_SCANNER: ['Not An Image'],
    BUILDKIT_HOST: ['127.0.0.1:1234'],
    BUILD_SECRETS_PRIVATE_KEY: ['no key'],
    BUILD_SECRETS_PRIVATE_KEY_FILE: ['/nowhere/file'],
    BUILD_LOG_BYTES: ['0'],
    BUILD_RESULT_MS: ['0', '3600001'],
    BUILD_TIMEOUT_MS: ['0'],
    CREDENTIAL_HELPER_ENV: ['A-B', 'PAYLOAD_SECRET'],
    DETACHED_BUILD_MS: ['-1', '3600001'],
    DISABLE_HMAC: ['perhaps'],
    ENGINE: ['docker'],
    INSECURE_REGISTRIES: ['http://registry:5000', 'registry:5000, a b'],
    MAX_INFLIGHT: ['-1'],
    REPRODUCIBLE: ['often'],
    // Names of the chart.
    buildkit_url: ['127.0.0.1:1234'],
    build_secrets_private_key_path: ['/nowhere/file'],
    disable_hmac: ['perhaps'],
    enable_lchown: ['perhaps'],
    insecure: ['perhaps'],
    max_inflight: ['-1'],
  },
  // Folders; they are opened later in the start.
  open: ['DOCKER_CONFIG', 'ENGINE_STATE_DIR', 'WORK_DIR'],
  // The builder copies its environment, so that only the names of the chart are read from the given one.
  read: (env) => {
    const ofChart = settingsRead(loadConfig, env);
    return [...ofChart, ...settingsRead((watched) => builderConfig(new Fields(watched), {}), env)];
  },
});

test('the grace time covers the longest build unless it is set', () => {
  const graceOf = (env: Record<string, string>) =>
    loadConfig({ PAYLOAD_SECRET: 'x', ...env }).shutdownGraceMs;
  expect(graceOf({})).toBe(31 * 60_000);
  expect(graceOf({ BUILD_TIMEOUT_MS: '1000' })).toBe(61_000);
  expect(graceOf({ SHUTDOWN_GRACE_MS: '5' })).toBe(5);
});

describe('warnings', () => {
  const good = {
    payloadSecret: new Secret('x'),
    insecureRegistries: ['registry:5000'],
  };

  test.each([
    ['nothing', {}, undefined],
    ['signatures that are not checked', { payloadSecret: undefined }, 'signatures are not checked'],
    ['every registry being insecure', { insecureRegistries: ['*'] }, 'plain http'],
  ])('of %s', (_what, changed, warning) => {
    const warnings = warningsOf({
      config: { ...good, ...changed },
      engine: { warnings: [] },
    });
    expect(warnings).toEqual(warning === undefined ? [] : [expect.stringContaining(warning)]);
  });

  test('of the engine are among them', () => {
    const engine = { warnings: ['buildah 1.28.2 is old'] };
    expect(warningsOf({ config: good, engine })).toEqual(['buildah 1.28.2 is old']);
  });
});
