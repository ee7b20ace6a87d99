import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { describe, expect, onTestFinished, test } from 'vitest';
import { json, problem, serve, slipway } from '../testing/command-line.js';

const time = '2026-01-02T03:04:05.000Z';
const tenant = {
  ...{ name: 'team-a', weight: 2, highest_priority: 'high', images: ['r.example/team-a/'] },
  ...{ limits: { running_jobs: 4, queued_jobs: 100 }, managed_by: 'api', updated_at: time },
  usage: {
    queued_jobs: 7,
    running_jobs: 3,
    source_bytes: 1_500,
    stored_bytes: 4_000,
    max_stored_bytes: 1_000_000,
  },
};
const token = {
  ...{ id: 'tok_1', tenant: 'team-a', description: 'CI', scopes: ['jobs:read', 'jobs:write'] },
  ...{ managed_by: 'api', created_at: time },
};

test('whoami shows the token and the usage of its tenant', async () => {
  const me = { tenant, token: { id: 'tok_1', scopes: ['jobs:write'], expires_at: time } };
  const { env } = await serve({ 'GET /v1/me': json(200, me) });
  const { exit, out } = await slipway(['whoami'], env);
  expect(exit).toBe(0);
  expect(out).toMatch(/^team-a\n +token +tok_1\n +scopes +jobs:write\n +expires +2026-01-02/);
  expect(out).toMatch(/queued jobs +7 of 100\n +running jobs +3 of 4\n +sources +1\.5 kB of any number/);
  expect(JSON.parse((await slipway(['whoami', '--json'], env)).out)).toEqual(me);
});

describe('tokens', () => {
  test('are created, and only the token is printed to standard output', async () => {
    const { env, asked } = await serve({
      'POST /v1/tokens': json(201, { ...token, expires_at: time, token: 'slp_secret' }),
    });
    const made = await slipway(
      [
        'tokens',
        'create',
        '--scope',
        'jobs:read,jobs:write',
        '--description',
        'CI',
        '--expires',
        '90d',
        '--tenant',
        'team-a',
      ],
      env,
    );
    expect(made).toMatchObject({ exit: 0, out: 'slp_secret\n' });
    expect(made.err).toContain('tok_1 of team-a, for jobs:read, jobs:write, until 2026');
    expect(made.err).not.toContain('slp_secret');
    expect(JSON.parse(asked[0]?.body.toString() ?? '')).toEqual({
      ...{ scopes: ['jobs:read', 'jobs:write'], description: 'CI', expires_in_days: 90, tenant: 'team-a' },
    });
  });

  test.each([
    [['--scope', 'jobs:read']],
    [['--description', 'CI']],
    [['--scope', 'jobs:read', '--description', 'CI', '--expires', '0d']],
    [['--scope', 'jobs:read', '--description', 'CI', '--expires', '2h']],
  ])('are not created with %j', async (options) => {
    const { env, asked } = await serve({});
    expect(await slipway(['tokens', 'create', ...options], env)).toMatchObject({ exit: 2 });
    expect(asked).toEqual([]);
  });

  test('are listed page by page and revoked', async () => {
    const { env } = await serve({
      'GET /v1/tokens?limit=200&tenant=team-a': json(200, { tokens: [token], next_cursor: 'tok_1' }),
      'GET /v1/tokens?limit=200&tenant=team-a&cursor=tok_1': json(200, {
        tokens: [{ ...token, id: 'tok_2', expires_at: time, last_used_at: time, managed_by: 'file' }],
      }),
      'DELETE /v1/tokens/tok_1': (res) => res.writeHead(204).end(),
      'DELETE /v1/tokens/tok_2': problem(409, 'tenant_managed'),
    });
    const { out } = await slipway(['tokens', 'list', '--tenant', 'team-a'], env);
    expect(out).toMatch(/\ntok_1 +team-a +CI +jobs:read jobs:write +never +never +api\n/);
    expect(out).toMatch(/\ntok_2 .* has expired +.* ago +file\n/);
    expect(await slipway(['tokens', 'revoke', 'tok_1'], env)).toMatchObject({ exit: 0, out: '' });
    expect(await slipway(['tokens', 'revoke', 'tok_2'], env)).toMatchObject({
      exit: 3,
      err: expect.stringContaining('tenant_managed'),
    });
  });

  test('for a tenants file come with their hash, without a server', async () => {
    const { exit, out, err } = await slipway(['tokens', 'generate']);
    expect(exit).toBe(0);
    expect(out).toMatch(/^slp_[\w-]{43}\n$/);
    expect(err).toBe(`sha256: ${createHash('sha256').update(out.trim()).digest('hex')}\n`);
    expect((await slipway(['tokens', 'generate'])).out).not.toBe(out);
  });
});

describe('tenants', () => {
  test('are listed, shown and deleted', async () => {
    const { env } = await serve({
      'GET /v1/tenants?limit=200': json(200, { tenants: [tenant] }),
      'GET /v1/tenants/team-a': json(200, tenant),
      'DELETE /v1/tenants/team-a': (res) => res.writeHead(204).end(),
    });
    expect((await slipway(['tenants'], env)).out).toMatch(
      /^TENANT .*\nteam-a +2 +7 +3 +1\.5 kB +r\.example\/team-a\/ +api\n$/,
    );
    expect((await slipway(['tenants', 'show', 'team-a'], env)).out).toMatch(
      /may push to +r\.example\/team-a\//,
    );
    expect((await slipway(['tenants', 'delete', 'team-a'], env)).err).toContain('team-a is gone');
  });

  test('keep the settings that a change does not name', async () => {
    const { env, asked } = await serve({
      'GET /v1/tenants/team-a': json(200, {
        ...tenant,
        ...{ pools: ['arm'], base_image_changes: { action: 'notify', waves: { canary: 2, size: 10 } } },
      }),
      'PUT /v1/tenants/team-a': json(200, tenant),
    });
    const change = ['--running-jobs', 'none', '--source-bytes', '1000', '--weight', '0.5'];
    expect((await slipway(['tenants', 'set', 'team-a', ...change], env)).exit).toBe(0);
    expect(JSON.parse(asked[1]?.body.toString() ?? '')).toEqual({
      ...{ weight: 0.5, highest_priority: 'high', images: ['r.example/team-a/'], pools: ['arm'] },
      limits: { queued_jobs: 100, source_bytes: 1000 },
      base_image_changes: { action: 'notify', waves: { canary: 2, size: 10 } },
    });
    expect((await slipway(['tenants', 'set', 'team-a', '--pool', 'arm,amd'], env)).exit).toBe(0);
    expect(JSON.parse(asked[3]?.body.toString() ?? '')).toMatchObject({ pools: ['arm', 'amd'] });
    expect((await slipway(['tenants', 'set', 'team-a', '--pool', 'any'], env)).exit).toBe(0);
    expect(JSON.parse(asked[5]?.body.toString() ?? '')).not.toHaveProperty('pools');
    expect((await slipway(['tenants', 'set', 'team-a', '--proxy-arguments'], env)).exit).toBe(0);
    expect(JSON.parse(asked[7]?.body.toString() ?? '')).toMatchObject({ proxy_arguments: true });
    expect((await slipway(['tenants', 'set', 'team-a', '--no-proxy-arguments'], env)).exit).toBe(0);
    expect(JSON.parse(asked[9]?.body.toString() ?? '')).toMatchObject({ proxy_arguments: false });
    expect((await slipway(['tenants', 'set', 'team-a', '--base-image-changes', 'rebuild'], env)).exit).toBe(
      0,
    );
    expect(JSON.parse(asked[11]?.body.toString() ?? '')).toMatchObject({
      base_image_changes: { action: 'rebuild', waves: { canary: 2, size: 10 } },
    });
    const shown = (await slipway(['tenants', 'show', 'team-a'], env)).out;
    expect(shown).toMatch(/changed base images +cause an event\n/);
    expect(shown).toMatch(/builds in +arm\n/);
    expect(shown).toMatch(/proxies +refused\n/);
  });

  test('are created with images that they may push to, or from a file', async () => {
    const folder = await temporaryFolder();
    onTestFinished(() => folder.remove());
    const file = join(folder.path, 'team.yaml');
    writeFileSync(file, 'images: [r.example/b/]\nlimits: {queued_jobs: 5}\n');
    const { env, asked } = await serve({
      'PUT /v1/tenants/team-b': json(201, { ...tenant, name: 'team-b' }),
    });
    const set = (...options: string[]) => slipway(['tenants', 'set', 'team-b', ...options], env);
    expect(await set('--weight', '2')).toMatchObject({ exit: 2, err: expect.stringContaining('--image') });
    expect((await set('--image', 'r.example/b/,r.example/c')).exit).toBe(0);
    expect((await set('--file', file)).exit).toBe(0);
    const sent = asked
      .filter(({ call }) => call.startsWith('PUT'))
      .map(({ body }) => JSON.parse(body.toString()));
    expect(sent).toEqual([
      { images: ['r.example/b/', 'r.example/c'], limits: {} },
      { images: ['r.example/b/'], limits: { queued_jobs: 5 } },
    ]);
    for (const options of [
      ['--file', file, '--weight', '2'],
      ['--file', `${file}.gone`],
      ['--queued-jobs', 'x'],
    ]) {
      expect((await set(...options)).exit).toBe(2);
    }
  });

  test('have payload secrets, which are shown only on creation', async () => {
    const made = { id: 'pay_1', tenant: 'team-a', managed_by: 'api', created_at: time };
    const { env } = await serve({
      'POST /v1/tenants/team-a/payload-secrets': json(201, { ...made, secret: 'hush' }),
      'GET /v1/tenants/team-a/payload-secrets': json(200, { payload_secrets: [made] }),
      'DELETE /v1/tenants/team-a/payload-secrets/pay_1': (res) => res.writeHead(204).end(),
    });
    const secrets = (...words: string[]) => slipway(['tenants', 'payload-secrets', ...words], env);
    expect(await secrets('create', 'team-a')).toMatchObject({ exit: 0, out: 'hush\n' });
    expect((await secrets('list', 'team-a')).out).toMatch(/\npay_1 +2026\S+ +api\n$/);
    expect(await secrets('delete', 'team-a', 'pay_1')).toMatchObject({ exit: 0, out: '' });
  });
});
