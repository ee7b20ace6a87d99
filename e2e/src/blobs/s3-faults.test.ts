import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open, readdir, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type FaultyProxy,
  freePort,
  type S3Handle,
  startMoto,
  startToxiproxy,
  startVersitygw,
  type ToxiproxyHandle,
  temporaryFolder,
} from '@slipway/local';
import type { BlobStore } from '@slipway/shared/blobs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAt, openSmall, useCredentials } from './testing/s3-lab.js';

const run = promisify(execFile);
const mebibyte = 1024 * 1024;
const folder = await temporaryFolder();
let server: S3Handle;
let toxiproxy: ToxiproxyHandle;
let proxies = 0;

beforeAll(async () => {
  [server, toxiproxy] = await Promise.all([startVersitygw(), startToxiproxy()]);
  useCredentials(server);
});
afterAll(async () => {
  await Promise.all([server.stop(), toxiproxy.stop()]);
  await folder.remove();
});

/** Opens a store behind a proxy of its own. */
async function behindProxy(options: Parameters<typeof openSmall>[1] = {}) {
  const proxy: FaultyProxy = await toxiproxy.proxy(`s3-${++proxies}`, server.port);
  const opened = await openSmall(server, { endpoint: `http://127.0.0.1:${proxy.port}`, ...options });
  return { ...opened, proxy };
}

/** Yields pieces of a mebibyte, each different. */
function* pieces(count: number): Generator<Buffer> {
  for (let n = 0; n < count; n++) yield Buffer.alloc(mebibyte, `piece ${n}, `);
}

const digestOf = async (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> => {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
};

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  await work.then(
    () => 'no error',
    (error) => error.code ?? error.message,
  );

async function adopt(store: BlobStore, key: string, chunks: Iterable<Uint8Array>) {
  const scratch = await store.scratch();
  for (const chunk of chunks) await scratch.write(chunk);
  return await store.adopt([{ scratch, key }]);
}

test('a store that cannot be used is refused at the start, with its code', async () => {
  const small = async (change: object, query = '') =>
    await codeOf(openSmall({ ...server, ...change }, { query, waitMs: 0 }).then(({ dispose }) => dispose()));
  expect(await small({})).toBe('no error');
  expect(await small({ bucket: 'missing' })).toBe('storage_misconfigured');
  expect(await small({ region: 'eu-central-1' })).toBe('storage_misconfigured');
  const gone = `http://127.0.0.1:${await freePort()}`;
  expect(await small({ endpoint: gone })).toBe('storage_unavailable');
  process.env.AWS_SECRET_ACCESS_KEY = 'wrong';
  expect(await small({})).toBe('storage_unauthorized');
  process.env.AWS_ACCESS_KEY_ID = 'unknown';
  expect(await small({})).toBe('storage_unauthorized');
  useCredentials(server);
});

test('a store that accepts a wrong checksum is refused, unless the URL allows it', async () => {
  const moto = await startMoto();
  const refusal =
    'names a store that does not refuse a wrong SHA-256 (add checksums=optional to accept that)';
  expect(await codeOf(openAt(moto))).toBe(refusal);
  const opened = await openAt(moto, { query: '&checksums=optional' });
  await opened.dispose();
  await moto.stop();
});

test('a key of KMS encrypts objects of both kinds', async () => {
  const moto = await startMoto();
  const opened = await openAt(moto, { query: '&checksums=optional&kms_key_id=key-1' });
  await opened.store.write('small', pieces(1));
  await opened.store.write('large', pieces(9));
  for (const key of ['small', 'large']) {
    const head = await opened.s3.headObject({ Bucket: moto.bucket, Key: `${opened.prefix}/${key}` });
    expect(head).toMatchObject({
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: expect.stringContaining('key-1'),
    });
  }
  await opened.dispose();
  await moto.stop();
});

test('a server that only reads refuses writes as unauthorized, and serves reads', async () => {
  const place = { dir: join(folder.path, 'read-only'), port: await freePort() };
  const first = await startVersitygw(place);
  const opened = await openAt(first);
  await opened.store.write('kept', [Buffer.from('content')]);
  await first.stop();
  const second = await startVersitygw({ ...place, args: ['--readonly'] });
  expect(await codeOf(opened.store.write('new', [Buffer.from('x')]))).toBe('storage_unauthorized');
  expect(await codeOf(opened.store.removeAll(['kept']))).toBe('storage_unauthorized');
  expect(await opened.store.stat('new')).toBeUndefined();
  expect(await opened.store.stat('kept')).toMatchObject({ bytes: 7 });
  await opened.dispose();
  await second.stop();
});

test('a bucket that disappears makes no blob missing', async () => {
  const dir = join(folder.path, 'vanishing');
  const vanishing = await startVersitygw({ dir });
  const { store, dispose } = await openAt(vanishing);
  await store.write('k', [Buffer.from('x')]);
  await rm(join(dir, 'root', vanishing.bucket), { recursive: true });
  expect(await codeOf(store.write('k', [Buffer.from('x')]))).toBe('storage_misconfigured');
  expect(await codeOf(store.stream('k'))).toBe('storage_misconfigured');
  expect(await codeOf(store.stat('k'))).toBe('storage_misconfigured');
  expect(await codeOf(store.open('k'))).toBe('storage_misconfigured');
  await dispose();
  await vanishing.stop();
});

test('a blob that was damaged before it is sent is refused, and leaves nothing', async () => {
  const { store, temporaryDir, leftovers, dispose } = await openAt(server);
  const scratch = await store.scratch();
  await scratch.write(Buffer.from('content'));
  const files = await Promise.all(
    (await readdir('/proc/self/fd')).map(async (fd) => ({
      fd,
      path: await readlink(`/proc/self/fd/${fd}`).catch(() => ''),
    })),
  );
  const own = files.find(({ path }) => path.startsWith(temporaryDir));
  const file = await open(`/proc/self/fd/${own?.fd}`, 'r+');
  await file.write('damaged');
  await file.close();
  expect(await codeOf(store.adopt([{ scratch, key: 'k' }]))).toBe('storage_changed');
  expect(await store.stat('k')).toBeUndefined();
  expect(await leftovers()).toBe(0);
  await dispose();
});

test('a clock that is days wrong is no fault: the client corrects it by the time of the server', async () => {
  const code = `
    import { openBlobStore } from '@slipway/shared/blobs';
    const store = await openBlobStore(process.argv[1]);
    await store.write('k', [Buffer.from('x')]);
    console.log(new Date().toISOString(), (await store.stat('k')).bytes, await store.sweep());`;
  for (const shift of ['-50h', '+50h']) {
    const { store, interrupt, dispose, url } = await openAt(server);
    await interrupt();
    const args = ['-f', shift, process.execPath, '--input-type=module', '-e', code, url];
    const { stdout } = await run('faketime', args, { cwd: import.meta.dirname });
    const [time = '', bytes, swept] = stdout.trim().split(' ');
    expect(Math.abs(Date.parse(time) - Date.now())).toBeGreaterThan(3_600_000);
    expect([bytes, swept]).toEqual(['1', '0']);
    expect(await store.stat('k')).toMatchObject({ bytes: 1 });
    await dispose();
  }
});

test('too many requests at once are repeated until the server takes them', async () => {
  const busy = await startVersitygw({ args: ['--max-requests', '2'] });
  const { store, dispose } = await openAt(busy);
  const keys = Array.from({ length: 24 }, (_, n) => `k${n}`);
  await Promise.all(keys.map((key) => store.write(key, pieces(1))));
  for (const key of keys) expect(await store.stat(key)).toMatchObject({ bytes: mebibyte });
  await dispose();
  await busy.stop();
});

test('an upload continues after cut connections', async () => {
  const { store, proxy, leftovers, dispose } = await behindProxy();
  await proxy.add({ kind: 'cut', afterBytes: 7 * mebibyte }, 'upstream');
  expect(await adopt(store, 'k', pieces(24))).toEqual(['created']);
  await proxy.heal();
  expect(await digestOf((await store.stream('k')) ?? [])).toBe(await digestOf(pieces(24)));
  expect(await leftovers()).toBe(0);
  await dispose();
});

test('an upload whose parts never arrive ends with a code, keeps the old blob and leaves nothing', async () => {
  const { store, proxy, leftovers, dispose } = await behindProxy();
  await store.write('k', [Buffer.from('old')]);
  await proxy.add({ kind: 'cut', afterBytes: 2 * mebibyte }, 'upstream');
  expect(await codeOf(store.write('k', pieces(24)))).toBe('storage_unavailable');
  expect(await codeOf(adopt(store, 'new', pieces(24)))).toBe('storage_unavailable');
  await proxy.heal();
  expect(await store.stat('k')).toMatchObject({ bytes: 3 });
  expect(await store.stat('new')).toBeUndefined();
  expect(await leftovers()).toBe(0);
  expect(await adopt(store, 'new', pieces(24))).toEqual(['created']);
  await dispose();
});

test('a slow connection only takes longer', async () => {
  const { store, proxy, dispose } = await behindProxy();
  await proxy.add({ kind: 'latency', ms: 100, jitterMs: 50 });
  await proxy.add({ kind: 'bandwidth', kilobytesPerSecond: 4_000 }, 'upstream');
  expect(await adopt(store, 'k', pieces(12))).toEqual(['created']);
  await dispose();
});

test('a server that stops to answer is unavailable, and is used again once it answers', async () => {
  const { store, proxy, dispose } = await behindProxy({ idleMs: 500 });
  await store.write('k', [Buffer.from('x')]);
  await proxy.add({ kind: 'hang' });
  expect(await codeOf(store.write('k', [Buffer.from('y')]))).toBe('storage_unavailable');
  expect(await codeOf(store.stat('k'))).toBe('storage_unavailable');
  await proxy.heal();
  await proxy.down();
  expect(await codeOf(store.stream('k'))).toBe('storage_unavailable');
  await proxy.heal();
  expect(await store.stat('k')).toMatchObject({ bytes: 1 });
  await dispose();
});

test('a stream continues after cut connections, and reads no other version', async () => {
  const { store, proxy, dispose } = await behindProxy();
  await store.write('k', pieces(24));
  await proxy.add({ kind: 'cut', afterBytes: 5 * mebibyte });
  expect(await digestOf((await store.stream('k')) ?? [])).toBe(await digestOf(pieces(24)));
  const handle = await store.open('k');
  const buffer = Buffer.alloc(12 * mebibyte);
  expect(await handle?.read(buffer, 0)).toBe(buffer.length);
  expect(await digestOf([buffer])).toBe(await digestOf(pieces(12)));

  const stream = await store.stream('k');
  await store.write('k', pieces(1));
  expect(await codeOf(digestOf(stream ?? []))).toBe('storage_changed');
  expect(await codeOf(handle?.read(buffer, 0) ?? Promise.resolve())).toBe('storage_changed');
  await handle?.close();
  await dispose();
});

test('a stream whose connections bring no byte ends with a code', async () => {
  const frozen = await startVersitygw();
  const { store, dispose } = await openSmall(frozen, { idleMs: 500 });
  await store.write('k', pieces(24));
  const stream = await store.stream('k');
  frozen.kill('SIGSTOP');
  expect(await codeOf(digestOf(stream ?? []))).toBe('storage_unavailable');
  frozen.kill('SIGCONT');
  expect(await digestOf((await store.stream('k')) ?? [])).toBe(await digestOf(pieces(24)));
  await dispose();
  await frozen.stop();
});

test('a server that is killed in the middle of an upload leaves no blob, and a sweep removes the parts', async () => {
  const place = { dir: join(folder.path, 'killed'), port: await freePort() };
  const first = await startVersitygw(place);
  const { store, leftovers, dispose } = await openSmall(first, { idleMs: 2_000 });
  const uploading = codeOf(adopt(store, 'k', pieces(200)));
  await expect.poll(leftovers, { interval: 5 }).toBe(1);
  first.kill('SIGKILL');
  await first.exited;
  expect(await uploading).toBe('storage_unavailable');
  const second = await startVersitygw(place);
  expect(await store.stat('k')).toBeUndefined();
  expect(await store.sweep()).toBe(0);
  expect(await store.sweep({ olderThanMs: 0 })).toBe(1);
  expect(await leftovers()).toBe(0);
  expect(await adopt(store, 'k', pieces(12))).toEqual(['created']);
  await dispose();
  await second.stop();
});

test('an outage at the start is waited for', async () => {
  const place = { dir: join(folder.path, 'late'), port: await freePort() };
  const missing = { ...server, endpoint: `http://127.0.0.1:${place.port}` };
  const opening = openAt(missing);
  const late = await startVersitygw(place);
  const { store, dispose } = await opening;
  expect(await store.write('k', [Buffer.from('x')])).toEqual({ bytes: 1 });
  await dispose();
  await late.stop();
});
