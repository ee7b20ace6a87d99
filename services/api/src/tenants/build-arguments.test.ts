import { randomUUID } from 'node:crypto';
import { Secret } from '@slipway/shared/config';
import { generateKeyPair, SecretBytes, sealSecrets } from '@slipway/shared/sealing';
import { formatSignature, payloadHmac } from '@slipway/shared/signing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { archive } from '../testing/archive.js';
import { type FleetOfOne, startFleetOfOne } from '../testing/fleet-of-one.js';

const admin = 'token';
const image = 'r.example/team/app:1';
let fleet: FleetOfOne;
beforeAll(async () => {
  fleet = await startFleetOfOne(inject('redisUrl'));
});
afterAll(() => fleet.stop());

/** Creates a new tenant, with a token, a payload secret and a source. */
async function team(settings: object = {}) {
  const name = `team-${randomUUID()}`;
  const put = (changes: object) =>
    fleet.say('PUT', `/v1/tenants/${name}`, { images: ['r.example/team/'], ...settings, ...changes }, admin);
  await put({});
  const scopes = ['jobs:write', 'templates:write'];
  const made = await fleet.say('POST', '/v1/tokens', { tenant: name, description: 'CI', scopes }, admin);
  const token: string = made.body.token;
  const secret = await fleet.say('POST', `/v1/tenants/${name}/payload-secrets`, undefined, admin);
  const source = { digest: await fleet.upload(undefined, token) };
  return { name, put, token, payloadSecret: new Secret(secret.body.secret), source };
}
type Team = Awaited<ReturnType<typeof team>>;

const post = async ({ token }: Pick<Team, 'token'>, path: string, body: unknown, method = 'POST') => {
  const answer = await fleet.say(method, path, body, token);
  return [answer.status, answer.body?.code, answer.body?.errors?.[0]?.path];
};

/** Sends `POST /build`, without waiting for the build. */
async function build({ payloadSecret }: Team, config: object, sealed?: string) {
  const body = archive([
    { path: 'com.openfaas.docker.config', text: JSON.stringify({ image, ...config }) },
    { path: 'context/Dockerfile', text: 'FROM scratch\n' },
    ...(sealed === undefined ? [] : [{ path: 'com.openfaas.secrets', text: sealed }]),
  ]);
  const answer = await fetch(`${fleet.api.url}/build`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/octet-stream',
      'x-build-signature': formatSignature(payloadHmac(payloadSecret).update(body)),
    },
  });
  return [answer.status, ((await answer.json()) as { code?: string }).code];
}

/** Sends a job with its source in one request. */
async function form({ token }: Team, job: object) {
  const parts = new FormData();
  parts.append('job', new Blob([JSON.stringify(job)], { type: 'application/json' }));
  const files = archive([{ path: 'Dockerfile', text: `FROM scratch\nLABEL a=${randomUUID()}\n` }]);
  parts.append('source', new Blob([files], { type: 'application/x-tar' }));
  const answer = await fetch(`${fleet.api.url}/v1/jobs`, {
    method: 'POST',
    body: parts,
    headers: { authorization: `Bearer ${token}` },
  });
  return [answer.status, ((await answer.json()) as { code?: string }).code];
}

const sealed = (...names: string[]) =>
  sealSecrets({
    publicKey: generateKeyPair().publicKey,
    secrets: new Map(names.map((name) => [name, new SecretBytes(Buffer.from('x'))])),
  }).toString();

describe('proxies and credentials as build arguments', () => {
  it.each([
    'HTTP_PROXY',
    'https_proxy',
    'Ftp_Proxy',
    'no_proxy',
    'ALL_PROXY',
    'GIT_AUTH_TOKEN',
    'git_auth_header.x',
  ])('%s is refused in every kind of request', async (name) => {
    const who = await team();
    const args = { A: '1', [name]: 'x' };
    const job = { image, source: who.source, build_args: args };
    const refused = [403, 'build_argument_not_allowed', `/build_args/${name}`];
    expect(await post(who, '/v1/jobs', job)).toEqual(refused);
    expect(await post(who, '/v1/functions/dev/app', job, 'PUT')).toEqual(refused);
    expect(await form(who, { image, build_args: args })).toEqual(refused.slice(0, 2));
    expect(await build(who, { buildArgs: args })).toEqual(refused.slice(0, 2));
    const plain = { image, source: who.source };
    const batches = [
      { items: [job] },
      { items: [job], dry_run: true },
      { items: [plain], defaults: { build_args: args } },
    ];
    for (const batch of batches) {
      expect(await post(who, '/v1/batches', batch)).toEqual([
        422,
        'batch_invalid',
        `/items/0/build_args/${name}`,
      ]);
    }
    expect(await post(who, '/v1/functions/dev/app', plain, 'PUT')).toEqual([201, undefined, undefined]);
    const rebuild = { select: { namespace: 'dev' }, build_args: args };
    expect(await post(who, '/v1/rebuilds', rebuild)).toEqual([
      422,
      'batch_invalid',
      `/items/0/build_args/${name}`,
    ]);
    expect((await fleet.say('GET', '/v1/jobs', undefined, who.token)).body.jobs).toEqual([]);
  });

  it('proxies are accepted from tenants with the permission, while they have it', async () => {
    const who = await team({ proxy_arguments: true });
    const build_args = { http_proxy: 'http://proxy.example:3128' };
    const made = await fleet.say('POST', '/v1/jobs', { image, source: who.source, build_args }, who.token);
    expect([made.status, made.body.build_args]).toEqual([202, build_args]);
    await fleet.fail(made.body.id);
    const credentials = { image, source: who.source, build_args: { GIT_AUTH_TOKEN: 'x' } };
    expect((await post(who, '/v1/jobs', credentials))[1]).toBe('build_argument_not_allowed');
    await who.put({ proxy_arguments: false });
    const retry = await post(who, `/v1/jobs/${made.body.id}/retry`, undefined);
    expect(retry).toEqual([403, 'build_argument_not_allowed', '/build_args/http_proxy']);
  });

  it('are accepted from the default tenant', async () => {
    const source = { digest: await fleet.upload(undefined, admin) };
    const build_args = { HTTPS_PROXY: 'x', GIT_AUTH_TOKEN: 'x' };
    const secrets = sealed('GIT_AUTH_TOKEN');
    expect((await post({ token: admin }, '/v1/jobs', { image, source, build_args, secrets }))[0]).toBe(202);
  });

  it('other arguments are accepted, also those that the worker does not pass on', async () => {
    const who = await team();
    const build_args = { PROXY: 'x', HTTP_PROXY_HOST: 'x', AUTH_GIT: 'x', BUILDKIT_SANDBOX_HOSTNAME: 'x' };
    expect((await post(who, '/v1/jobs', { image, source: who.source, build_args }))[0]).toBe(202);
  });
});

describe('build secrets that BuildKit fetches sources with', () => {
  it.each([
    'GIT_AUTH_TOKEN',
    'GIT_AUTH_HEADER.git.example',
    'git_auth_token',
    'HTTP_AUTH_TOKEN_files.example',
  ])('%s is refused in every kind of request', async (name) => {
    const who = await team();
    const secrets = sealed('npmrc', name);
    const job = { image, source: who.source, secrets };
    const refused = [403, 'build_secret_not_allowed', '/secrets'];
    expect(await post(who, '/v1/jobs', job)).toEqual(refused);
    expect(await post(who, '/v1/functions/dev/app', job, 'PUT')).toEqual(refused);
    expect(await form(who, { image, secrets })).toEqual(refused.slice(0, 2));
    expect(await build(who, {}, secrets)).toEqual(refused.slice(0, 2));
    for (const batch of [{ items: [job] }, { items: [job], dry_run: true }]) {
      expect(await post(who, '/v1/batches', batch)).toEqual([422, 'batch_invalid', '/items/0/secrets']);
    }
    const taken = { image, source: who.source, secrets: sealed('npmrc', 'MY_GIT_AUTH_TOKEN') };
    expect((await post(who, '/v1/jobs', taken))[0]).toBe(202);
  });
});
