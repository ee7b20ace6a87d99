import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllowlist } from '@slipway/shared/egress';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RegistryClient } from '../registry/client.js';
import { Reach } from '../registry/reach.js';
import {
  digestOf,
  type FakeRegistry,
  indexOf,
  indexType,
  manifestOf,
  type Oddity,
  startFakeRegistry,
} from '../testing/fake-registry.js';
import { readBase } from './read-base.js';

const [amd64, arm64] = ['linux/amd64', 'linux/arm64'];

/** Returns a function that asks a registry. Only the registry that the operator named may have an address of this machine. */
function reader(registry: FakeRegistry, { allow = '', isNamed = true, config = {} } = {}) {
  const dockerConfig = mkdtempSync(join(tmpdir(), 'slipway-docker-'));
  writeFileSync(join(dockerConfig, 'config.json'), JSON.stringify(config));
  const reach = new Reach({ allow: parseAllowlist(allow) });
  onTestFinished(async () => {
    await reach.close();
    rmSync(dockerConfig, { recursive: true });
  });
  const insecureRegistries = isNamed ? [registry.host] : [];
  const client = new RegistryClient({
    registries: { insecureRegistries, dockerConfig, helperEnv: {} },
    reach,
  });
  return async (known?: string, signal: AbortSignal = AbortSignal.timeout(10_000)) =>
    await readBase({ reference: `${registry.host}/tools/base:1`, known, client, signal, now: Date.now });
}

const lines = (registry: FakeRegistry) =>
  registry.requests.map(({ line }) => line.replace('/v2/tools/base/manifests/', ''));

/** Returns a registry with an index under the tag `1`. */
async function withIndex(oddity?: Oddity) {
  const registry = await startFakeRegistry();
  const digest = registry.push('1', indexOf({ [amd64]: 'a', 'linux/arm64/v8': 'b' }));
  registry.oddity = oddity;
  return { registry, digest };
}
const platforms = { [amd64]: digestOf('a'), [arm64]: digestOf('b') };

describe('a check of a base image', () => {
  it('reads the index of an unknown digest, by that digest, and nothing but HEAD of a known one', async () => {
    const { registry, digest } = await withIndex();
    const read = reader(registry);
    expect(await read()).toEqual({ digest, platforms, pauseMs: undefined });
    expect(await read(digest)).toEqual({ digest, platforms: undefined, pauseMs: undefined });
    expect(lines(registry)).toEqual(['HEAD 1', `GET ${digest}`, 'HEAD 1']);
  });

  it('reads images without an index', async () => {
    const registry = await startFakeRegistry();
    const digest = registry.push('1', manifestOf('x'));
    expect(await reader(registry)()).toEqual({ digest, platforms: undefined, pauseMs: undefined });
  });

  it.each<[string, Oddity]>([
    ['no digest', () => ({ headers: { 'docker-content-digest': undefined } })],
    [
      'a digest of another algorithm',
      () => ({ headers: { 'docker-content-digest': `sha512:${'1'.repeat(128)}` } }),
    ],
    ['405', ({ method }) => (method === 'HEAD' ? { status: 405 } : undefined)],
  ])('hashes the manifest where HEAD has %s', async (_what, oddity) => {
    const { registry, digest } = await withIndex(oddity);
    const read = reader(registry);
    expect(await read()).toMatchObject({ digest, platforms });
    expect(await read(digest)).toMatchObject({ digest, platforms: undefined });
    expect(lines(registry)).toEqual(['HEAD 1', 'GET 1', 'HEAD 1', 'GET 1']);
  });

  it('does not trust an ETag that stays the same', async () => {
    const { registry, digest } = await withIndex(() => ({ headers: { etag: '"same"' } }));
    expect(await reader(registry)(`sha256:${'0'.repeat(64)}`)).toMatchObject({ digest, platforms });
  });

  it.each<[string, string | Buffer, string]>([
    ['a web page', '<html>', 'text/html; charset=utf-8'],
    ['schema 1', '{"schemaVersion":1}', 'application/vnd.docker.distribution.manifest.v1+prettyjws'],
    ['no JSON', 'x', indexType],
    ['an index without a list', '{}', indexType],
    ['an index with a list of something else', '{"manifests":[{"digest":"x"}]}', indexType],
    ['no type at all', '{}', ''],
    ['the type of an index for a blob', '[]', indexType],
    ['too much', Buffer.alloc(5 * 1024 * 1024, 32), indexType],
  ])('refuses %s', async (_what, body, type) => {
    const headers = { 'content-type': type || undefined, 'docker-content-digest': digestOf(body) };
    const { registry } = await withIndex(() => ({ status: 200, body, headers }));
    await expect(reader(registry)()).rejects.toMatchObject({ code: 'registry_protocol' });
  });

  it.each<[string, Oddity]>([
    [
      'HEAD',
      ({ method }) =>
        method === 'HEAD'
          ? { headers: { 'docker-content-digest': digestOf('x') } }
          : { status: 200, body: indexOf({}).body, headers: { 'content-type': indexType } },
    ],
    [
      'GET',
      ({ method }) =>
        method === 'GET' ? { headers: { 'docker-content-digest': digestOf('x') } } : undefined,
    ],
  ])('refuses content whose digest differs from the one of %s', async (_where, oddity) => {
    const { registry } = await withIndex(oddity);
    const detail = expect.stringContaining('for content with the digest');
    await expect(reader(registry)()).rejects.toMatchObject({ code: 'registry_protocol', message: detail });
  });

  it('takes the type of the content where the header is vague', async () => {
    const { registry, digest } = await withIndex(() => ({ headers: { 'content-type': 'application/json' } }));
    expect(await reader(registry)()).toMatchObject({ digest, platforms });
  });

  it.each([
    [401, 'pull_unauthorized', {}, undefined],
    [403, 'pull_unauthorized', {}, undefined],
    [404, 'base_image_missing', {}, undefined],
    [429, 'pull_rate_limited', { 'retry-after': '120' }, 120],
    [503, 'registry_unreachable', { 'retry-after': '7' }, 7],
    [500, 'registry_unreachable', {}, undefined],
    [418, 'registry_protocol', {}, undefined],
  ])('has a code for %i: %s', async (status, code, headers, retryAfter) => {
    const { registry } = await withIndex(() => ({ status, headers }));
    await expect(reader(registry)()).rejects.toMatchObject({ code, retryAfter });
  });

  it('pauses before a rate limit is reached', async () => {
    const { registry } = await withIndex(() => ({
      headers: { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '3;w=21600' },
    }));
    expect(await reader(registry)()).toMatchObject({ pauseMs: 216_000 });
  });

  it('ends when the registry breaks off or never answers', async () => {
    const { registry } = await withIndex((req) => {
      req.socket.destroy();
      return 'answered';
    });
    await expect(reader(registry)()).rejects.toMatchObject({ code: 'registry_unreachable' });
    registry.oddity = () => 'answered';
    const tooSlow = AbortSignal.timeout(50);
    await expect(reader(registry)(undefined, tooSlow)).rejects.toMatchObject({
      code: 'registry_unreachable',
    });
  });

  it('connects to no address of this network unless the operator allows it', async () => {
    const { registry } = await withIndex();
    await expect(reader(registry, { isNamed: false })()).rejects.toMatchObject({ code: 'egress_denied' });
    expect(registry.requests).toEqual([]);
    expect(await reader(registry, { isNamed: false, allow: '127.0.0.0/8' })()).toMatchObject({ platforms });
  });
});

describe('redirects', () => {
  const to =
    (host: string): Oddity =>
    ({ url }) => ({ status: 307, headers: { location: `http://${host}${url}` } });
  const auths = (host: string) => ({
    auths: { [host]: { auth: Buffer.from('me:pass').toString('base64') } },
  });

  it('to another host get no credentials, and no address of this network', async () => {
    const { registry: target, digest } = await withIndex();
    const registry = await startFakeRegistry();
    registry.oddity = (req, res) =>
      req.headers.authorization === undefined
        ? { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }
        : to(target.host)(req, res);
    const config = auths(registry.host);
    await expect(reader(registry, { config })()).rejects.toMatchObject({ code: 'egress_denied' });
    expect(target.requests).toEqual([]);
    expect(await reader(registry, { config, allow: '127.0.0.1' })()).toMatchObject({ digest, platforms });
    expect(target.requests.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  });

  it.each(['ftp://x/y', 'http://[', ''])('to %j are refused', async (location) => {
    const { registry } = await withIndex(() => ({ status: 302, headers: { location } }));
    await expect(reader(registry)()).rejects.toMatchObject({ code: 'registry_protocol' });
  });

  it('without end are refused', async () => {
    const { registry } = await withIndex();
    registry.oddity = to(registry.host);
    await expect(reader(registry)()).rejects.toMatchObject({ code: 'registry_protocol' });
    expect(registry.requests).toHaveLength(5);
  });
});

describe('a registry that asks for a token', () => {
  /** Returns a registry with a server of tokens, which gives one to these credentials. */
  async function withTokens(
    given: string | undefined,
    token: object = { token: 'secret-token', expires_in: 300 },
  ) {
    const tokens = await startFakeRegistry();
    tokens.oddity = ({ headers }) =>
      headers.authorization === given
        ? { status: 200, body: JSON.stringify(token) }
        : { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } };
    const { registry, digest } = await withIndex(({ headers }) => {
      if (headers.authorization === 'Bearer secret-token') return undefined;
      const realm = `realm="http://${tokens.host}/token",service="the registry",scope="repository:tools/base:pull"`;
      return { status: 401, headers: { 'www-authenticate': `Bearer ${realm}` } };
    });
    return { registry, tokens, digest };
  }

  it('gets it without credentials where there are none, and keeps it', async () => {
    const { registry, tokens, digest } = await withTokens(undefined);
    const read = reader(registry, { allow: '127.0.0.1' });
    expect(await read()).toMatchObject({ digest, platforms });
    await read();
    expect(tokens.requests).toEqual([
      {
        line: 'GET /token?service=the+registry&scope=repository%3Atools%2Fbase%3Apull',
        authorization: undefined,
      },
    ]);
    await expect(reader(registry)()).rejects.toMatchObject({ code: 'egress_denied' });
  });

  it('gets it with the credentials of the Docker config', async () => {
    const login = Buffer.from('me:pass').toString('base64');
    const { registry, digest } = await withTokens(`Basic ${login}`);
    const config = { auths: { [registry.host]: { auth: login } } };
    expect(await reader(registry, { allow: '127.0.0.1', config })()).toMatchObject({ digest });
    const none = reader(registry, { allow: '127.0.0.1' });
    await expect(none()).rejects.toMatchObject({ code: 'pull_unauthorized' });
  });

  it('gets it with an identity token', async () => {
    const { registry, tokens, digest } = await withTokens(undefined, { access_token: 'secret-token' });
    const auth = Buffer.from('<token>:').toString('base64');
    const config = { auths: { [registry.host]: { auth, identitytoken: 'refresh' } } };
    expect(await reader(registry, { allow: '127.0.0.1', config })()).toMatchObject({ digest });
    expect(tokens.requests[0]?.line).toBe('POST /token');
  });

  it.each([{}, { token: '' }, { token: 'a\nb' }])('cannot give %j', async (token) => {
    const { registry } = await withTokens(undefined, token);
    await expect(reader(registry, { allow: '127.0.0.1' })()).rejects.toMatchObject({
      code: 'registry_protocol',
    });
  });

  it('is refused when it names no server, or refuses its own token', async () => {
    const refusing =
      (challenge: string | undefined): Oddity =>
      () => ({
        status: 401,
        headers: { 'www-authenticate': challenge },
      });
    const { registry } = await withIndex();
    for (const [challenge, code] of [
      ['Bearer realm="ftp://x"', 'registry_protocol'],
      ['Bearer', 'pull_unauthorized'],
      [undefined, 'pull_unauthorized'],
      ['Negotiate', 'pull_unauthorized'],
    ] as const) {
      registry.oddity = refusing(challenge);
      await expect(reader(registry)()).rejects.toMatchObject({ code });
    }
  });
});
