import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type S3Handle, startMoto, startVersitygw } from '@slipway/local';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../compose/model.js';
import { openAt, openSmall, useCredentials } from './testing/s3-lab.js';

const run = promisify(execFile);
const script = join(root, 'e2e/dist/blobs/large-blob.js');
let server: S3Handle;

beforeAll(async () => {
  server = await startVersitygw();
  useCredentials(server);
});
afterAll(() => server.stop());

test('memory does not grow with the size of a blob', async () => {
  const { url, dispose } = await openAt(server);
  const peak = async (mebibytes: number) => {
    const { stdout } = await run(process.execPath, [script, url, String(mebibytes)]);
    const measured = JSON.parse(stdout) as { bytes: number; read: number; peak_mib: number };
    expect([measured.bytes, measured.read]).toEqual([mebibytes * 1024 * 1024, mebibytes * 1024 * 1024]);
    return measured.peak_mib;
  };
  const small = await peak(64);
  expect(await peak(640)).toBeLessThan(small + 100);
  await dispose();
});

test('a blob has as many parts as 5 GB need', async () => {
  process.env.S3_UPLOAD_PART_MIN_SIZE = '1024';
  const moto = await startMoto();
  const opened = await openSmall(moto, { query: '&checksums=optional', partBytes: 8 * 1024 });
  const content = Buffer.from(Array.from({ length: 5_000 * 1024 }, (_, n) => n % 251));
  const scratch = await opened.store.scratch();
  await scratch.write(content);
  expect(await opened.store.adopt([{ scratch, key: 'k' }])).toEqual(['created']);
  const object = { Bucket: moto.bucket, Key: `${opened.prefix}/k`, PartNumber: 1 };
  expect(await opened.s3.headObject(object)).toMatchObject({ PartsCount: 625 });
  const read = createHash('sha256');
  for await (const chunk of (await opened.store.stream('k')) ?? []) read.update(chunk);
  expect(read.digest('hex')).toBe(createHash('sha256').update(content).digest('hex'));
  expect(await opened.leftovers()).toBe(0);
  await opened.dispose();
  await moto.stop();
});
