import { generateKeyPair, SecretBytes, sealSecrets } from '@slipway/shared/sealing';
import { describe, expect, test } from 'vitest';
import { payloadOf } from '../testing/payload.js';
import { postBuild, resultOf } from '../testing/post-build.js';
import { problemOf, startScripted } from '../testing/scripted-service.js';

const pair = generateKeyPair();
const keys = { BUILD_SECRETS_PRIVATE_KEY: pair.privateKey.reveal() };
const token = 'hunter2hunter2';

function bodyWith(content: Buffer | string): Buffer {
  return payloadOf({
    image: 'r.io/a:1',
    files: { Dockerfile: 'FROM scratch\n' },
    entries: [{ path: 'com.openfaas.secrets', content }],
  });
}
const sealedFor = (publicKey: string) =>
  sealSecrets({ publicKey, secrets: new Map([['token', new SecretBytes(Buffer.from(token))]]) });

describe('the public key', () => {
  test('is handed out', async () => {
    const { url } = await startScripted(keys);
    const response = await fetch(`${url}/publickey`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      key_id: pair.publicKey.slice(0, 8),
      algorithm: 'nacl/box',
      public_key: pair.publicKey,
    });
  });

  test('is not there where no key is set up', async () => {
    const { url } = await startScripted();
    expect(await problemOf(await fetch(`${url}/publickey`))).toEqual({ status: 404, code: 'not_found' });
  });
});

describe('sealed secrets', () => {
  test('reach the engine in the clear, and are wiped when it is done', async () => {
    const { url, engine, log } = await startScripted(keys);
    let during = '';
    engine.onBuild = ({ request, succeed }) => {
      during = Buffer.from(request.secrets.get('token')?.reveal() ?? []).toString();
      succeed();
    };
    const body = bodyWith(sealedFor(pair.publicKey));
    expect(await resultOf(await postBuild({ url, body }))).toMatchObject({ status: 'success' });
    expect(during).toBe(token);
    const after = engine.builds[0]?.request.secrets.get('token')?.reveal();
    expect([...(after ?? [1])].every((byte) => byte === 0)).toBe(true);
    await expect.poll(() => log()).toContain('"secrets":"sealed"');
    expect(log()).not.toContain(token);
    expect(log()).not.toContain(pair.privateKey.reveal());
  });

  test.each([
    [
      'for a key that the builder does not have',
      keys,
      sealedFor(generateKeyPair().publicKey),
      'secrets_key_unknown',
    ],
    ['where no key is set up', {}, sealedFor(pair.publicKey), 'secrets_key_unknown'],
    ['that are no such file', keys, 'version: v2\n', 'secrets_invalid'],
  ])('%s are refused before anything is built', async (_how, env, content, code) => {
    const { url, engine } = await startScripted(env);
    const result = await resultOf(await postBuild({ url, body: bodyWith(content) }));
    expect(result).toMatchObject({ status: 'failed', code, error: expect.any(String) });
    expect(engine.builds).toEqual([]);
  });

  test('are masked in errors, in answers and in the log', async () => {
    const { url, engine, log } = await startScripted(keys);
    engine.onBuild = ({ fail }) => fail(new Error(`it broke over ${token}`, { cause: new Error(token) }));
    const result = await resultOf(await postBuild({ url, body: bodyWith(sealedFor(pair.publicKey)) }));
    expect(result).toMatchObject({ status: 'failed', code: 'internal' });
    await expect.poll(() => log()).toContain('it broke over ***');
    expect(log()).not.toContain(token);
  });
});
