import { Secret } from '@slipway/shared/config';
import { generateKeyPair } from '@slipway/shared/sealing';
import { expect, test } from 'vitest';
import { KeyRing } from './secrets/key-ring.js';
import { warningsOf } from './warnings.js';

const keyRing = new KeyRing(generateKeyPair().privateKey);
const good = {
  payloadSecret: new Secret('x'),
  keyRing,
  buildkitHost: 'unix:///run/buildkit/buildkitd.sock',
  insecureRegistries: ['registry:5000'],
};

test.each([
  ['nothing', {}, undefined],
  ['signatures that are not checked', { payloadSecret: undefined }, 'signatures are not checked'],
  ['every registry being insecure', { insecureRegistries: ['*'] }, 'plain http'],
  ['secrets that cross a network', { buildkitHost: 'tcp://buildkit:1234' }, 'not encrypted'],
  ['nothing on the own machine', { buildkitHost: 'tcp://127.0.0.1:1234' }, undefined],
  ['nothing without secrets', { buildkitHost: 'tcp://buildkit:1234', keyRing: undefined }, undefined],
])('warns of %s', (_what, changed, warning) => {
  const warnings = warningsOf({
    config: { ...good, ...changed },
    engine: { name: 'buildkit', warnings: [] },
  });
  expect(warnings).toEqual(warning === undefined ? [] : [expect.stringContaining(warning)]);
});

test('does not look at the address of BuildKit where buildah builds', () => {
  const config = { ...good, buildkitHost: 'tcp://buildkit:1234' };
  expect(warningsOf({ config, engine: { name: 'buildah', warnings: [] } })).toEqual([]);
});

test('passes on what the engine warns of', () => {
  const engine = { name: 'buildah', warnings: ['buildah 1.28.2 is old'] } as const;
  expect(warningsOf({ config: good, engine })).toEqual(['buildah 1.28.2 is old']);
});
