import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../compose/model.js';
import { type KubernetesObject, objectsOf, render, renderText, valueFiles } from './chart.js';
import { containersOf, podsOf } from './pods.js';

/** The variable of the storage of a trial installation, which reads no files. */
const fromSecrets = ['ROOT_ACCESS_KEY', 'ROOT_SECRET_KEY'];

const secretsIn = (objects: readonly KubernetesObject[]) =>
  objects.filter(({ kind }) => kind === 'Secret') as (KubernetesObject & { data: Record<string, string> })[];

const decoded = (value = '') => Buffer.from(value, 'base64').toString('utf8');

/** Returns the values of a trial installation's Secret. */
async function devSecret(values: Record<string, unknown> = {}): Promise<Record<string, string>> {
  const [secret] = secretsIn(await render({ file: 'dev', values }));
  return Object.fromEntries(Object.entries(secret?.data ?? {}).map(([key, value]) => [key, decoded(value)]));
}

describe.each(valueFiles)('secrets with the values %s', (file) => {
  test('are in Secrets alone, which only a trial installation writes', async () => {
    const objects = objectsOf(await renderText({ file }));
    const secrets = secretsIn(objects);
    const isTrial = objects.some(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'slipway-redis',
    );
    expect(secrets.map(({ metadata }) => metadata.name)).toEqual(isTrial ? ['slipway-dev'] : []);
    const rest = JSON.stringify(objects.filter(({ kind }) => kind !== 'Secret'));
    for (const [key, value] of secrets.flatMap(({ data }) => Object.entries(data))) {
      if (key === 's3-access-key') continue;
      expect(rest, key).not.toContain(value);
      for (const line of decoded(value).trim().split('\n')) expect(rest, key).not.toContain(line);
    }
  });

  test('reach containers as files, which BuildKit does not have', async () => {
    for (const pod of podsOf(await render({ file }))) {
      for (const { name, env = [] } of containersOf(pod)) {
        for (const { name: variable, value, valueFrom } of env) {
          if (valueFrom?.secretKeyRef !== undefined)
            expect(fromSecrets, `${pod.of}, ${name}`).toContain(variable);
          else if (/(SECRET|PREVIOUS|TOKENS?|PASSWORD|PRIVATE_KEY|HEADERS)(_FILE)?$/.test(variable))
            expect(value, variable).toMatch(/^\/run\/secrets\/slipway\//);
        }
      }
    }
  });
});

describe('the Secret of a trial installation', () => {
  test('has the users of Redis that docs/redis-users.acl allows, with the hash of the password', async () => {
    const { 'redis-users.acl': users = '', 'redis-password': password = '' } = await devSecret();
    const hash = createHash('sha256').update(password).digest('hex');
    const shipped = await readFile(join(root, 'docs', 'redis-users.acl'), 'utf8');
    expect(users).toBe(shipped.replace('>PASSWORD', `#${hash}`));
    const { 'redis-users.acl': ofPrefix = '' } = await devSecret({ redis: { prefix: 'builds' } });
    expect(ofPrefix.replace(/#[0-9a-f]{64}/, '')).toBe(
      shipped.replaceAll('{slipway}', '{builds}').replace('>PASSWORD', ''),
    );
  });

  test('has long random values, a private key of 32 bytes, and the credentials that the storage has', async () => {
    // Other values, because equal ones are rendered once.
    const [first, second] = [await devSecret(), await devSecret({ nameOverride: 'other' })];
    for (const key of ['api-token', 'payload-secret', 'redis-password', 's3-secret-key']) {
      expect(first[key]).toMatch(/^[A-Za-z0-9]{48}$/);
      expect(second[key]).not.toBe(first[key]);
    }
    expect(Buffer.from(first['build-secrets-key'] ?? '', 'base64')).toHaveLength(32);
    expect(first['s3-credentials']).toBe(
      `[default]\naws_access_key_id = ${first['s3-access-key']}\naws_secret_access_key = ${first['s3-secret-key']}\n`,
    );
  });

  test('outlives the release where the volumes do', async () => {
    const policy = async (persistence: boolean) => {
      const [secret] = secretsIn(
        await render({ values: { dev: { enabled: true, persistence: { enabled: persistence } } } }),
      );
      return secret?.metadata.annotations?.['helm.sh/resource-policy'];
    };
    expect(await policy(true)).toBe('keep');
    expect(await policy(false)).toBeUndefined();
  });
});
