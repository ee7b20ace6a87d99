import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from '../stack.js';
import { type KubernetesObject, render } from './chart.js';
import { type Container, literalsOf, podsOf } from './pods.js';

let stack: Stack;
let container: Container;
let program: string;

beforeAll(async () => {
  const objects = await render({ file: 'dev' });
  const isTest = ({ metadata }: KubernetesObject) => metadata.name === 'slipway-test';
  [container] = podsOf(objects.filter(isTest)).flatMap(({ spec }) => spec.containers) as [Container];
  const { data } = (objects.find((object) => object.kind === 'ConfigMap' && isTest(object)) ?? {}) as {
    data?: Record<string, string>;
  };
  stack = await startStack();
  program = join(stack.folder, 'build-function.mjs');
  await writeFile(program, data?.['build-function.mjs'] ?? '');
});
afterAll(() => stack?.stop());

/** Runs the program of `helm test` with the variables of its pod, for the Slipway of this test. */
async function run(changes: Record<string, string>): Promise<string> {
  const env = {
    ...literalsOf(container),
    ...{ SLIPWAY_URL: stack.url, API_TOKEN_FILE: stack.tokenFile, TIMEOUT_SECONDS: '60' },
    ...changes,
  };
  const { stdout } = await promisify(execFile)(process.execPath, [program], { env });
  return stdout;
}

test('helm test builds and pushes a function, and shows the job', async () => {
  expect(container.command?.[0]).toBe('node');
  expect(literalsOf(container).IMAGE).toBe('slipway-registry:5000/slipway/helm-test:latest');
  const output = await run({ IMAGE: `${stack.registry}/slipway/helm-test:latest` });
  expect(output).toContain('"state": "succeeded"');
  const manifest = await fetch(`http://${stack.registry}/v2/slipway/helm-test/manifests/latest`, {
    headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
  });
  expect(manifest.status).toBe(200);
});

test('helm test builds without a push where it has no registry', async () => {
  expect(await run({ IMAGE: '' })).toContain('"state": "succeeded"');
});

test('helm test fails with the answer of the API', async () => {
  await expect(run({ POOL: 'absent' })).rejects.toThrow('pool_not_found');
});
