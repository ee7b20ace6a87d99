import { randomUUID } from 'node:crypto';
import { Secret } from '@slipway/shared/config';
import { formatSignature, payloadHmac } from '@slipway/shared/signing';
import { expect, inject, it } from 'vitest';
import { type RunningApi, startApi } from '../testing/start-api.js';

const redisPrefix = `api-test-${randomUUID()}`;
const [old, current] = [new Secret('old payload secret'), new Secret('the next payload secret')];
const client = { name: 'client', token: 'client-token', payloadSecrets: ['of the client'] };

/** Runs the API with these payload secrets, the current one first, during `use`. Records stay from one call to the next. */
async function withSecrets(
  [payloadSecret, ...previousPayloadSecrets]: readonly [Secret, ...Secret[]],
  use: (api: RunningApi) => Promise<void>,
  tenants = [] as (typeof client)[],
): Promise<void> {
  const changes = { redisPrefix, payloadSecret, previousPayloadSecrets };
  const api = await startApi(inject('redisUrl'), changes, { tenants });
  try {
    await use(api);
  } finally {
    await api.stop();
  }
}

/** Returns the error code for an invalid archive with this signature. A valid signature gives an error about the archive. */
async function build(api: RunningApi, secret: Secret): Promise<string> {
  const body = Buffer.from('no archive');
  const signature = formatSignature(payloadHmac(secret).update(body));
  const headers = { 'x-build-signature': signature, 'content-type': 'application/octet-stream' };
  const answer = await fetch(`${api.url}/build`, { method: 'POST', body, headers });
  return ((await answer.json()) as { code: string }).code;
}

/** Creates an endpoint under one idempotency key. */
async function endpoint(api: RunningApi): Promise<[number, { id?: string; secret?: string }]> {
  const answer = await api.call('/v1/webhooks', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'the-same' },
    body: JSON.stringify({ url: 'https://ci.example/hook' }),
  });
  return [answer.status, (await answer.json()) as { id?: string; secret?: string }];
}

const post = async (api: RunningApi, path: string, body: object = {}) => {
  const headers = { 'content-type': 'application/json' };
  const answer = await api.call(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const { id, code } = (await answer.json()) as { id?: string; code?: string };
  return { status: answer.status, id, code };
};

/** Creates a job, or a batch of one, with a callback secret, and cancels it. */
async function canceled(api: RunningApi, kind: 'jobs' | 'batches'): Promise<string> {
  const callback = { url: 'https://ci.example/hook', secret: `whsec_${'QUJD'.repeat(8)}` };
  const job = { image: 'r.example/a:1', source: { files: { Dockerfile: 'FROM scratch\n' } } };
  const body = { ...(kind === 'jobs' ? job : { items: [job] }), callback };
  const made = await post(api, `/v1/${kind}`, body);
  expect(made).toMatchObject({ status: 202 });
  expect((await post(api, `/v1/${kind}/${made.id}/cancel`)).status).toBeLessThan(300);
  return `/v1/${kind}/${made.id}/retry`;
}

const usable = async (api: RunningApi): Promise<boolean[]> => {
  const answer = await api.call('/v1/tenants/client/payload-secrets');
  const page = (await answer.json()) as { payload_secrets: { usable: boolean }[] };
  return page.payload_secrets.map((each) => each.usable);
};

it('a payload secret is replaced without loss while the previous one is configured, and with loss afterwards', async () => {
  let made: Awaited<ReturnType<typeof endpoint>> | undefined;
  const ofClient = new Secret('of the client');
  const retries: string[] = [];
  await withSecrets(
    [old],
    async (api) => {
      made = await endpoint(api);
      expect(made).toMatchObject([201, { secret: expect.stringMatching(/^whsec_/) }]);
      retries.push(await canceled(api, 'jobs'), await canceled(api, 'batches'));
      expect(await build(api, old)).not.toBe('signature_invalid');
      expect(await build(api, current)).toBe('signature_invalid');
    },
    [client],
  );
  await withSecrets([current, old], async (api) => {
    expect(await endpoint(api)).toEqual(made);
    for (const secret of [old, current, ofClient]) {
      expect(await build(api, secret)).not.toBe('signature_invalid');
    }
    expect(await usable(api)).toEqual([true]);
    for (const path of retries) expect(await post(api, path)).toMatchObject({ status: 202 });
  });
  await withSecrets([current], async (api) => {
    for (const secret of [old, ofClient]) expect(await build(api, secret)).toBe('signature_invalid');
    expect(await build(api, current)).not.toBe('signature_invalid');
    expect(await usable(api)).toEqual([false]);
    const unreadable = { status: 409, code: 'secret_unreadable' };
    for (const path of retries) expect(await post(api, path)).toMatchObject(unreadable);
    expect(await endpoint(api)).toMatchObject([409, { code: 'secret_unreadable' }]);
  });
});
