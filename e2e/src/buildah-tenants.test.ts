import { readFileSync } from 'node:fs';
import type { Builder } from '@slipway/client';
import type { Job } from '@slipway/shared/contracts';
import { afterAll, test as anyTest, beforeAll, describe, expect } from 'vitest';
import { dockerfile, makeContext, tarOf } from './context.js';
import { canUse } from './engines.js';
import { type Stack, startStack } from './stack.js';

describe('a Slipway whose builders all use buildah', () => {
  const test = anyTest.runIf(canUse('buildah'));
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ engine: 'buildah' });
  });
  afterAll(() => stack?.stop());

  const call = async <T>(path: string, json?: object, init: RequestInit = {}) => {
    const headers = { ...(json && { 'content-type': 'application/json' }), ...init.headers };
    const body = json && { method: 'POST', body: JSON.stringify(json) };
    const answer = await stack.call(path, { ...body, ...init, headers });
    expect(answer.status, path).toBeLessThan(300);
    return (await answer.json()) as T;
  };
  const build = async (name: string, token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const body = tarOf(makeContext({ Dockerfile: dockerfile('RUN echo built') }));
    const { digest } = await call<Job & { digest: string }>('/v1/sources', undefined, {
      method: 'POST',
      body,
      headers,
    });
    const spec = { image: `${stack.registry}/${name}/x:1`, source: { digest } };
    let job = await call<Job>('/v1/jobs', spec, { headers });
    while (job.finished_at === undefined)
      job = await call<Job>(`/v1/jobs/${job.id}?wait=30`, undefined, { headers });
    return job;
  };

  test('builds for default, and never for another tenant', async () => {
    await call('/v1/tenants/acme', { images: ['*'] }, { method: 'PUT' });
    const { token } = await call<{ token: string }>('/v1/tokens', {
      ...{ tenant: 'acme', description: 'a test', scopes: ['jobs:write', 'jobs:read'] },
    });
    const refused = await build('acme', token);
    expect(refused).toMatchObject({ state: 'failed', error: { code: 'no_isolated_builder' } });
    expect(await build('ours', stack.token)).toMatchObject({ state: 'succeeded' });
    const { builders } = await call<{ builders: Builder[] }>('/v1/builders');
    expect(builders).toMatchObject([{ engine: 'buildah', builds: 1 }]);
  });

  test('warns in its log and its readiness while it runs an old buildah', async () => {
    const { address, logFile } = stack.part('builder 1');
    const { warnings = [] } = (await (await fetch(`${address}/readyz`)).json()) as { warnings?: string[] };
    const isOld = /BUILDAH_TRUSTED_SOURCES is on/;
    // A fixed buildah causes no warning.
    expect(readFileSync(logFile, 'utf8').match(isOld) !== null).toBe(
      warnings.some((text) => isOld.test(text)),
    );
  });
});
