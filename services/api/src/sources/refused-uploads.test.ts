import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { Secret } from '@slipway/shared/config';
import { type GitServer, startGitServer } from '@slipway/shared/git/testing';
import { formatSignature, payloadHmac } from '@slipway/shared/signing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

const quota = 3_000_000;
const mebibyte = 1024 * 1024;
let api: RunningApi;
let git: GitServer;
beforeAll(async () => {
  const settings = { limits: { source_bytes: quota } };
  const tenants = ['full', 'many', 'other'].map((name) => {
    return { name, token: name, payloadSecrets: [`${name}-payload`], settings };
  });
  api = await startApi(inject('redisUrl'), {}, { tenants });
  git = await startGitServer();
});
afterAll(async () => {
  await api.stop();
  await git.stop();
});

const text = (bytes: number) => randomBytes(bytes / 2).toString('hex');
const stored = async () =>
  (await readdir(`${api.blobs}/sources`).catch(() => [])).filter((name) => name.endsWith('.tar'));
const left = async () => [...(await stored()), ...(await readdir(`${api.blobs}/.tmp`))];
const send = async (
  tenant: string,
  path: string,
  body: string | Buffer | FormData,
  type?: string,
  method = 'POST',
) => {
  const answer = await api.call(path, {
    method,
    headers: { authorization: `Bearer ${tenant}`, ...(type !== undefined && { 'content-type': type }) },
    body: Buffer.isBuffer(body) ? new Uint8Array(body) : body,
  });
  return { status: answer.status, code: ((await answer.json()) as { code?: string }).code };
};
const tar = (bytes: number) => archive([{ path: 'Dockerfile', text: text(bytes) }]);
const upload = (tenant: string, body: Buffer) => send(tenant, '/v1/sources', body, 'application/x-tar');
const job = { image: 'r.example/a:1' };
const refused = { status: 413, code: 'source_quota_exceeded' };

describe('a source over the quota', () => {
  it('leaves nothing, for any kind of upload', async () => {
    const half = tar(2 * mebibyte);
    expect(await upload('full', half)).toMatchObject({ status: 201 });
    const before = await left();
    expect(await upload('full', tar(2 * mebibyte))).toEqual(refused);
    expect(await send('full', '/v1/templates/a', tar(2 * mebibyte), 'application/x-tar', 'PUT')).toEqual(
      refused,
    );
    const form = new FormData();
    form.set('job', new Blob([JSON.stringify(job)], { type: 'application/json' }));
    form.set('source', new Blob([new Uint8Array(tar(2 * mebibyte))]));
    expect(await send('full', '/v1/jobs', form)).toEqual(refused);
    const files = { Dockerfile: text(900_000), more: text(20_000) };
    const inline = JSON.stringify({ ...job, source: { files } });
    expect(await send('full', '/v1/jobs', inline, 'application/json')).toEqual(refused);
    const repository = git.repository('large');
    repository.commit({ Dockerfile: text(mebibyte) });
    const fromGit = JSON.stringify({ ...job, source: { git: { url: repository.url } } });
    expect(await send('full', '/v1/jobs', fromGit, 'application/json')).toEqual(refused);
    const payload = archive([
      { path: 'com.openfaas.docker.config', text: JSON.stringify(job) },
      { path: 'context/Dockerfile', text: text(2 * mebibyte) },
    ]);
    const hmac = payloadHmac(new Secret('full-payload'));
    hmac.update(payload);
    const built = await fetch(`${api.url}/build`, {
      method: 'POST',
      headers: { 'x-build-signature': formatSignature(hmac) },
      body: new Uint8Array(payload),
    });
    expect([built.status, await built.json()]).toMatchObject([413, { code: refused.code }]);
    expect(await left()).toEqual(before);
    // Sources of the tenant may be sent again.
    expect(await upload('full', half)).toMatchObject({ status: 200 });
    // Another tenant can use the fetch that was refused to this tenant.
    expect(await send('other', '/v1/jobs', fromGit, 'application/json')).toMatchObject({ status: 202 });
  });

  it('is refused for concurrent uploads as well: together they stay below the quota', async () => {
    const before = (await stored()).length;
    const answers = await Promise.all(Array.from({ length: 6 }, () => upload('many', tar(1_300_000))));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 201, 413, 413, 413, 413]);
    expect((await stored()).length - before).toBe(2);
    expect(await readdir(`${api.blobs}/.tmp`)).toEqual([]);
  });
});
