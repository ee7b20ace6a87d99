import { Secret } from '@slipway/shared/config';
import { expect, test } from 'vitest';
import { warningsOf } from './warnings.js';

const good = {
  payloadSecret: new Secret('x'),
  insecureRegistries: ['registry:5000'],
};

test.each([
  ['nothing', {}, undefined],
  ['signatures that are not checked', { payloadSecret: undefined }, 'signatures are not checked'],
  ['every registry being insecure', { insecureRegistries: ['*'] }, 'plain http'],
])('warns of %s', (_what, changed, warning) => {
  const warnings = warningsOf({
    config: { ...good, ...changed },
    engine: { warnings: [] },
  });
  expect(warnings).toEqual(warning === undefined ? [] : [expect.stringContaining(warning)]);
});

test('passes on what the engine warns of', () => {
  const engine = { warnings: ['buildah 1.28.2 is old'] };
  expect(warningsOf({ config: good, engine })).toEqual(['buildah 1.28.2 is old']);
});
