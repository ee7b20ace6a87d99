import { readEnv } from '@slipway/shared/config';
import { describe, expect, it } from 'vitest';
import { fleetConfig, parseBuilders } from './builders.js';

describe('BUILDERS', () => {
  it('names replicas, or a name with many, each with an optional limit', () => {
    expect(parseBuilders(' http://a:8081#max=4, https://b.example ,dns+http://builders:8081#max=2')).toEqual([
      { kind: 'url', url: 'http://a:8081', max: 4, pool: 'default', platforms: [] },
      { kind: 'url', url: 'https://b.example', max: undefined, pool: 'default', platforms: [] },
      { kind: 'dns', url: 'http://builders:8081', max: 2, pool: 'default', platforms: [] },
    ]);
  });

  it('names Services of Kubernetes, with the same settings', () => {
    expect(
      parseBuilders('k8s://arm-builders?port=http#pool=arm&max=2&platforms=arm64, k8s://builders'),
    ).toEqual([
      { kind: 'k8s', url: 'k8s://arm-builders?port=http', max: 2, pool: 'arm', platforms: ['linux/arm64'] },
      { kind: 'k8s', url: 'k8s://builders?port=8080', max: undefined, pool: 'default', platforms: [] },
    ]);
  });

  it('can name a Service only in a pod', () => {
    const builders = (env: Record<string, string>) =>
      readEnv({ BUILDERS: 'k8s://builders', ...env }, fleetConfig).kubernetes?.apiServer;
    expect(() => builders({})).toThrow(/BUILDERS names k8s:.*KUBERNETES_SERVICE_HOST is not set/);
    expect(builders({ KUBERNETES_SERVICE_HOST: '10.96.0.1' })).toBe('https://10.96.0.1:443');
    expect(builders({ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' })).toBe(
      'https://[fd00::1]:6443',
    );
  });

  it('puts replicas into pools, and says what they build', () => {
    expect(
      parseBuilders(
        'http://a#platforms=linux/arm64+linux/arm/v7&max=2&pool=arm, http://b#pool=arm&platforms=linux/arm/v7+linux/arm64',
      ),
    ).toEqual([
      { kind: 'url', url: 'http://a', max: 2, pool: 'arm', platforms: ['linux/arm/v7', 'linux/arm64'] },
      {
        kind: 'url',
        url: 'http://b',
        max: undefined,
        pool: 'arm',
        platforms: ['linux/arm/v7', 'linux/arm64'],
      },
    ]);
  });

  it.each([
    '',
    'a:8081',
    'ftp://a',
    'dns+https://a',
    'http://a/build',
    'http://a#max=0',
    'k8s://builders?port=8080?max=1',
    'k8s://builders,k8s://builders?port=8080',
    'http://a#min=1',
    'http://u:p@a',
    'http://a,http://a/',
    'http://a#max=1&max=2',
    'http://a#pool=',
    'http://a#pool=ARM',
    'http://a#pool=arm:64',
    'http://a#platforms=linux',
    'http://a#platforms=linux/x86_64+linux/amd64',
    'http://a#platforms=linux/arm64,http://b',
    'http://a#pool=arm,http://a#pool=amd',
  ])('cannot be %j', (text) => {
    expect(() => parseBuilders(text)).toThrow();
  });

  it('has platforms in normal form, so that builders of a pool may spell them differently', () => {
    const entries = parseBuilders('http://a#platforms=x86_64+armhf,http://b#platforms=linux/arm+Linux/amd64');
    expect(entries.map(({ platforms }) => platforms)).toEqual([
      ['linux/amd64', 'linux/arm/v7'],
      ['linux/amd64', 'linux/arm/v7'],
    ]);
  });

  it('shows no credentials in what it complains about', () => {
    for (const text of ['http://user:hunter2@a', 'ftp://user:hunter2@a', 'http//user:hunter2@a']) {
      expect(() => parseBuilders(text)).toThrow(/^(?!.*hunter2)/);
    }
  });
});
