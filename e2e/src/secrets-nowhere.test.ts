import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fleet } from '@slipway/simulator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Receiver, startReceiver } from './chaos/ledger/receiver.js';
import { sh } from './context.js';
import { startTestFleet } from './fleet.js';

const random = (what: string) => `${what}-${randomBytes(12).toString('hex')}`;
const given = {
  payload: random('payload'),
  configured: `whsec_${randomBytes(24).toString('base64')}`,
  ciToken: random('ci-token'),
};

let fleet: Fleet;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
  fleet = await startTestFleet({
    replicas: [{ slots: 2 }],
    workers: 1,
    env: {
      api: { LOG_LEVEL: 'trace' },
      worker: {
        LOG_LEVEL: 'trace',
        WEBHOOK_SECRET: given.configured,
        WEBHOOK_TOKENS: `github@github.test=${given.ciToken}`,
      },
    },
  });
});
afterAll(async () => {
  await fleet?.stop();
  receiver?.stop();
});

test('no log, record, blob, metric or later answer contains a secret in clear text', async () => {
  const { calls } = fleet;
  const answers: string[] = [];
  const call = async (path: string, json?: object) => {
    const { status, body } = await calls.call(path, {
      ...(json && { method: 'POST', json }),
      timeoutMs: 10_000,
    });
    return { status, body: body as Record<string, unknown> };
  };
  const post = async (path: string, json: object) => {
    const { status, body } = await call(path, json);
    expect(status, JSON.stringify(body)).toBeLessThan(300);
    return body;
  };
  const spec = { source: { digest: fleet.source } };
  const { callback } = receiver;
  const endpoint = await post('/v1/webhooks', { url: receiver.callback.url });
  const token = await post('/v1/tokens', { description: 'x', scopes: ['jobs:read'] });
  const other = await calls.call('/v1/tenants/other', { method: 'PUT', json: { images: ['*'] } });
  expect(other.status).toBeLessThan(300);
  const payloadSecret = await post('/v1/tenants/other/payload-secrets', {});
  const job = await post('/v1/jobs', { ...spec, image: 'registry.test/secret/a:1', callback });
  // Error details must not contain secrets either.
  for (const wrong of [
    { ...spec, image: 'NOT AN IMAGE', callback },
    { ...spec, image: 'registry.test/secret/b:1', callback: { ...callback, url: 'http://169.254.169.254/' } },
    { ...spec, image: 'registry.test/secret/b:1', callback: { ...callback, secret: `${callback.secret}!` } },
  ]) {
    const { status, body } = await call('/v1/jobs', wrong);
    expect(status).toBe(422);
    answers.push(JSON.stringify(body));
  }
  await calls.call('/v1/jobs', { token: given.payload });
  const path = `/v1/jobs/${job.id}`;
  await expect.poll(async () => (await call(path)).body.state).toBe('succeeded');
  await expect.poll(() => receiver.received.has(String(job.id))).toBe(true);
  for (const later of [
    path,
    '/v1/jobs',
    '/v1/webhooks',
    '/v1/tokens',
    '/v1/audit',
    '/v1/tenants',
    '/metrics',
  ]) {
    answers.push(JSON.stringify((await call(later)).body));
  }
  answers.push(await (await fetch(`${fleet.workers[0]?.url}/metrics`)).text());
  const secrets: Record<string, unknown> = {
    ...given,
    callback: callback.secret,
    apiToken: fleet.token,
    payloadSecret: fleet.payloadSecret,
    endpointSecret: endpoint.secret,
    newToken: token.token,
    tenantSecret: payloadSecret.secret,
  };
  // The search covers real data: the log and the job's record exist.
  const log = readFileSync(join(fleet.folder, 'logs', 'api-1.log'), 'utf8');
  expect(log).toMatch(/"payload_secret":"configured"/);
  expect(sh('grep', ['-rlF', String(job.id), '.'], { cwd: fleet.folder }).toString()).toMatch(/redis\//);
  for (const [name, secret] of Object.entries(secrets)) {
    expect(secret, name).toEqual(expect.stringMatching(/.{12}/));
    // The secret's own bytes, without the prefix for its kind.
    const text = String(secret).replace(/^(?:whsec|slp)_/, '');
    const files = sh('sh', ['-c', 'grep -rlF -e "$1" . || true', 'sh', text], { cwd: fleet.folder });
    expect(files.toString(), name).toBe('');
    expect(
      answers.filter((answer) => answer.includes(text)),
      name,
    ).toEqual([]);
  }
});
