import { readdirSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type S3Handle, startVersitygw } from '@slipway/local';
import type { Job } from '@slipway/shared/contracts';
import { type Fleet, startFleet } from '@slipway/simulator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { s3Env } from '../blobs/test-blobs.js';
import { scratchFolder } from '../context.js';
import { slipway } from './command.js';

let server: S3Handle;
let fleet: Fleet;
let isMoved = false;

beforeAll(async () => {
  server = await startVersitygw();
  fleet = await startFleet({
    // The record of a job keeps a small log.
    replicas: [{ slots: 4, faults: [{ fault: 'verbose' }] }],
    workers: 1,
    envOf: () => (isMoved ? s3Env(server) : {}),
  });
});
afterAll(async () => {
  await fleet?.stop();
  await server?.stop();
});

const copy = (env: Readonly<Record<string, string>> = s3Env(server)) => {
  const { BLOB_STORE = '', ...credentials } = env;
  return slipway(['blobs', 'copy', fleet.blobStore, BLOB_STORE, '--json'], credentials);
};

async function build(name: string): Promise<string> {
  const { status, body } = await fleet.calls.call('/v1/jobs', {
    method: 'POST',
    json: { image: `registry.test/moved/${name}:1`, source: { digest: fleet.source } },
  });
  expect(status).toBe(202);
  const { id } = body as Job;
  const state = async () => ((await fleet.calls.call(`/v1/jobs/${id}`)).body as Job).state;
  await expect.poll(state).toBe('succeeded');
  return id;
}

const logOf = async (id: string) => (await fleet.calls.call(`/v1/jobs/${id}/logs`)).body;

test('an installation moves from files to S3: a copy while it runs, a second one while it is stopped', async () => {
  const before = await build('before');
  const log = await logOf(before);
  expect(log).toContain('COPY . /');
  const first = await copy();
  expect(first).toMatchObject({ exit: 0 });
  expect(JSON.parse(first.out)).toMatchObject({ sources: { copied: 1 }, logs: { copied: 1 } });
  const between = await build('between');

  const services = [...fleet.apis, ...fleet.workers];
  await Promise.all(services.map((service) => service.stop({ graceMs: 30_000 })));
  const second = await copy();
  expect(JSON.parse(second.out)).toMatchObject({
    sources: { copied: 0, present: 1 },
    logs: { copied: 1, present: 1 },
  });
  isMoved = true;
  await rename(join(fleet.folder, 'blobs'), join(fleet.folder, 'blobs-before'));
  for (const service of services) await service.start();
  expect(await logOf(before)).toBe(log);
  expect(await logOf(between)).toContain('COPY . /');
  expect(await logOf(await build('after'))).toContain('COPY . /');
  await rename(join(fleet.folder, 'blobs-before'), join(fleet.folder, 'blobs'));
});

test('a store that refuses the credentials ends the command with its code', async () => {
  const { exit, out, err } = await copy({ ...s3Env(server), AWS_SECRET_ACCESS_KEY: 'wrong' });
  expect({ exit, err }).toEqual({ exit: 1, err: '' });
  expect(JSON.parse(out)).toMatchObject({
    error: { code: 'storage_unauthorized', remedy: expect.stringContaining('credentials') },
  });
});

test('other commands load neither a blob store nor its client', async () => {
  const coverage = scratchFolder();
  const { exit } = await slipway(['blobs', 'copy', '--help'], { NODE_V8_COVERAGE: coverage });
  expect(exit).toBe(0);
  const [file = ''] = readdirSync(coverage);
  const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as { result: { url: string }[] };
  const loaded = result.map(({ url }) => url);
  expect(loaded).toContainEqual(expect.stringContaining('cli/dist/blobs/add-commands.js'));
  expect(
    loaded.filter((url) => /aws-sdk|smithy|shared\/dist\/blobs|cli\/dist\/blobs\/copy/.test(url)),
  ).toEqual([]);
});
