import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { expect, onTestFinished, test } from 'vitest';
import { registryPolicy } from './config-files.js';

async function policyWith(own: string): Promise<unknown> {
  const { path, remove } = await temporaryFolder();
  onTestFinished(remove);
  await mkdir(join(path, '.config/containers'), { recursive: true });
  await writeFile(join(path, '.config/containers/policy.json'), own);
  return JSON.parse(await registryPolicy({ HOME: path }));
}

const reject = [{ type: 'reject' }];
const signed = [{ type: 'signedBy', keyType: 'GPGKeys', keyPath: '/key' }];

test('images come from registries alone', async () => {
  const any = [{ type: 'insecureAcceptAnything' }];
  const own = { default: any, transports: { oci: { '': any }, 'docker-daemon': { '': any } } };
  expect(await policyWith(JSON.stringify(own))).toEqual({
    default: reject,
    transports: { docker: { '': any } },
  });
});

test('what the machine asks of registries stays', async () => {
  const own = { default: signed, transports: { docker: { 'r.example': reject } } };
  expect(await policyWith(JSON.stringify(own))).toEqual({
    default: reject,
    transports: { docker: { '': signed, 'r.example': reject } },
  });
});

test('a policy that cannot be read stops the start, and is named', async () => {
  await expect(policyWith('{')).rejects.toThrow(/policy\.json cannot be read/);
});
