import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { dockerfile, json, problem, requestsTo } from '../testing/requests.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi(inject('redisUrl'));
});
afterAll(() => api.stop());
const { upload, uploaded } = requestsTo(() => api);

const stored = () =>
  readdirSync(api.blobs, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());

describe('a source', () => {
  it('returns 201 for a new source, 200 for a known one, and the same digest for any archive', async () => {
    const files = [dockerfile, { path: 'only-here.txt', text: 'x' }];
    const first = await upload(archive(files));
    expect(first.status).toBe(201);
    const source = await json<{ digest: string }>(first);
    expect(source).toEqual({ digest: expect.stringMatching(/^sha256:/), files: 2, bytes: 14 });
    expect(first.headers.get('location')).toBe(`/v1/sources/${source.digest}`);
    const again = await upload(gzipSync(archive(files.toReversed())), 'application/gzip');
    expect([again.status, await again.json()]).toEqual([200, source]);
  });

  it('is found by its digest, as a manifest or as a tar', async () => {
    const digest = await uploaded();
    expect(await (await api.call(`/v1/sources/${digest}`)).json()).toMatchObject({ digest, files: 1 });
    expect((await api.call(`/v1/sources/${digest}`, { method: 'HEAD' })).status).toBe(200);
    const tar = await api.call(`/v1/sources/${digest}`, { headers: { accept: 'application/x-tar' } });
    expect(await (await upload(await tar.arrayBuffer())).json()).toMatchObject({ digest });
    const unknown = await api.call(`/v1/sources/sha256:${'0'.repeat(64)}`, { method: 'HEAD' });
    expect(unknown.status).toBe(404);
  });

  it.each([
    ['a path with ..', 422, 'source_path_unsafe', archive([dockerfile, { path: '../x', text: 'x' }])],
    ['an absolute path', 422, 'source_path_unsafe', archive([{ path: '/etc/x', text: 'x' }])],
    [
      'a hard link that leaves',
      422,
      'source_link_unsafe',
      archive([{ path: 'l', type: 'Link', linkpath: '../../x' }]),
    ],
    ['a device', 422, 'source_entry_unsupported', archive([{ path: 'd', type: 'CharacterDevice' }])],
    ['a path twice', 422, 'source_path_duplicate', archive([dockerfile, dockerfile])],
    ['no files', 422, 'source_empty', archive([])],
    [
      'too many files',
      422,
      'source_too_many_files',
      archive([...Array(101).keys()].map((n) => ({ path: `f${n}` }))),
    ],
    ['a bomb', 422, 'source_ratio_exceeded', gzipSync(archive([{ path: 'b', text: '0'.repeat(3_900_000) }]))],
    ['too many bytes', 413, 'source_too_large', archive([{ path: 'b', text: '0'.repeat(4_200_000) }])],
    ['no archive', 422, 'source_corrupt', Buffer.from('hello, this is no tar'.repeat(100))],
  ])('is refused with %s, and nothing is stored', async (_what, status, code, body) => {
    await uploaded();
    const before = stored().length;
    const answer = await upload(body);
    const [actual, said] = await problem(answer);
    // The limit on the bytes of the archive or on those of the files may apply first.
    expect([actual, said === 'body_too_large' ? 'source_too_large' : said]).toEqual([status, code]);
    expect(stored().length).toBe(before);
  });

  it('is refused when the body is cut short, and nothing is stored', async () => {
    await uploaded();
    const before = stored().length;
    const { hostname, port } = new URL(api.url);
    const socket = connect({ host: hostname, port: Number(port) });
    const head =
      'POST /v1/sources HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer token\r\nContent-Length: 9000\r\n\r\n';
    await new Promise((resolve) =>
      socket.write(head + archive([dockerfile]).subarray(0, 700).toString('latin1'), resolve),
    );
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume().end();
    await closed;
    const tarCut = await upload(archive([{ path: 'b', text: 'x'.repeat(5_000) }]).subarray(0, 2_000));
    expect([422, 400]).toContain(tarCut.status);
    await expect.poll(() => stored().length).toBe(before);
  });

  it('must be an archive', async () => {
    expect(await problem(await upload('{}', 'application/json'))).toEqual([415, 'media_type_unsupported']);
  });
});

describe('the remains of a dead upload', () => {
  it('are removed at the next start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-api-sweep-'));
    mkdirSync(join(folder, '.tmp'));
    const left = join(folder, '.tmp', 'left-behind');
    writeFileSync(left, 'half an upload');
    utimesSync(left, 0, 0);
    const again = await startApi(inject('redisUrl'), { blobStore: `file://${folder}` });
    await expect.poll(() => existsSync(left)).toBe(false);
    await again.stop();
    rmSync(folder, { recursive: true });
  });
});
