import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { type RunningApi, startApi } from '../testing/start-api.js';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi(
    inject('redisUrl'),
    {},
    {
      tenants: [
        { name: 'one', token: 'one' },
        { name: 'two', token: 'two' },
        { name: 'small', token: 'small', settings: { limits: { source_bytes: 100 } } },
      ],
    },
  );
});
afterAll(() => api.stop());

const as = (token: string) => ({ authorization: `Bearer ${token}` });

async function upload(token: string, text: string) {
  const answer = await api.call('/v1/sources', {
    method: 'POST',
    headers: { ...as(token), 'content-type': 'application/x-tar' },
    body: archive([{ path: 'Dockerfile', text }]),
  });
  return {
    status: answer.status,
    body: (await answer.json()) as { digest: string; code: string; detail: string },
  };
}

async function submit(token: string, source: object) {
  const answer = await api.call('/v1/jobs', {
    method: 'POST',
    headers: { ...as(token), 'content-type': 'application/json' },
    body: JSON.stringify({ image: 'r.example/x:1', source }),
  });
  return [answer.status, ((await answer.json()) as { code?: string }).code];
}

const find = async (token: string, digest: string) =>
  (await api.call(`/v1/sources/${digest}`, { headers: as(token) })).status;

describe('a source', () => {
  it('exists for the tenant that sent it, and for no other that knows its digest', async () => {
    const { digest } = (await upload('one', 'FROM scratch\n')).body;
    expect([await find('one', digest), await find('two', digest)]).toEqual([200, 404]);
    expect(await submit('two', { digest })).toEqual([422, 'source_not_found']);
    expect(await submit('one', { digest })).toEqual([202, undefined]);
  });

  it('is as new to a tenant as if no other had it', async () => {
    const text = 'FROM scratch\nLABEL of=both\n';
    const first = await upload('one', text);
    expect(first.status).toBe(201);
    expect(await upload('two', text)).toEqual(first);
    expect([(await upload('one', text)).status, (await upload('two', text)).status]).toEqual([200, 200]);
    expect(await find('two', first.body.digest)).toBe(200);
  });

  it('belongs to the tenant when it came with a job', async () => {
    const files = { Dockerfile: 'FROM scratch\nLABEL inline=1\n' };
    expect((await submit('one', { files }))[0]).toBe(202);
    expect((await upload('one', files.Dockerfile)).status).toBe(200);
  });

  it('is refused when the tenant’s sources would exceed the quota', async () => {
    expect((await upload('small', 'a'.repeat(60))).status).toBe(201);
    const refused = await upload('small', 'b'.repeat(60));
    expect([refused.status, refused.body.code]).toEqual([413, 'source_quota_exceeded']);
    expect(refused.body.detail).toBe('The sources of small have 60 bytes of 100; this one has 60.');
    expect((await submit('small', { files: { Dockerfile: 'c'.repeat(41) } }))[1]).toBe(
      'source_quota_exceeded',
    );
    expect((await upload('small', 'd'.repeat(40))).status).toBe(201);
  });
});
