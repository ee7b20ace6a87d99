import { expect, test } from 'vitest';
import { helperEnvironment, helperVariables } from './index.js';

const env = {
  PATH: '/bin',
  AWS_WEB_IDENTITY_TOKEN_FILE: '/var/run/token',
  GOOGLE_APPLICATION_CREDENTIALS: '/key.json',
  CLOUDSDK_CONFIG: '/config',
  AZURE_CLIENT_ID: 'id',
  VAULT_ADDR: 'https://vault',
  VAULTED: 'no',
  NAMED: 'yes',
  PAYLOAD_SECRET: 'secret',
  PAYLOAD_SECRET_FILE: '/secret',
  REDIS_PASSWORD: 'secret',
};

test('helpers get the variables of the clouds, and those added by name or prefix', () => {
  expect(Object.keys(helperEnvironment({ env, extra: ['VAULT_*', 'NAMED'] }))).toEqual([
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'GOOGLE_APPLICATION_CREDENTIALS',
    'CLOUDSDK_CONFIG',
    'AZURE_CLIENT_ID',
    'VAULT_ADDR',
    'NAMED',
  ]);
});

test('no prefix reaches the secrets of Slipway', () => {
  expect(Object.keys(helperEnvironment({ env, extra: ['P*', 'R*'] }))).not.toContain('PAYLOAD_SECRET');
  expect(Object.keys(helperEnvironment({ env, extra: ['P*', 'R*'] }))).not.toContain('REDIS_PASSWORD');
});

test('the setting holds names and prefixes', () => {
  expect(helperVariables(' VAULT_*, NAMED ,')).toEqual(['VAULT_*', 'NAMED']);
  for (const wrong of ['A-B', '*', 'A*B', 'A=b'])
    expect(() => helperVariables(wrong)).toThrow(`holds '${wrong}'`);
  expect(() => helperVariables('PAYLOAD_SECRET')).toThrow('is a secret of Slipway');
});
