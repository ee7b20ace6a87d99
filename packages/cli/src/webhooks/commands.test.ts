import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { describe, expect, onTestFinished, test } from 'vitest';
import { json, problem, serve, slipway } from '../testing/command-line.js';

const time = '2026-01-02T03:04:05.000Z';
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const webhook = {
  ...{ id: 'wh_1', url: 'https://ci.example/hook', description: 'the shop', labels: { team: 'shop' } },
  ...{ events: ['job.succeeded', 'job.failed', 'batch.finished'], format: { type: 'standard' } },
  ...{ max_in_flight: 10, enabled: true, created_at: time, updated_at: time },
};
const switchedOff = {
  ...{ ...webhook, id: 'wh_2', description: '', enabled: false },
  ...{ disabled: { reason: 'gone', at: time }, failing_since: '2026-01-01T00:00:00.000Z' },
};
const delivery = (more = {}) => ({
  ...{ id: 'dlv_1', state: 'pending', webhook: 'wh_1', url: webhook.url, type: 'job.failed' },
  ...{ message_id: 'msg_1', job: 'job_1', created_at: time, attempts: [] as object[], ...more },
});
const attempt = (more = {}) => ({ number: 1, at: time, duration_ms: 34, ...more });
const delivered = delivery({
  ...{ state: 'delivered', finished_at: time, request: '{"type":"job.failed"}' },
  attempts: [attempt({ status: 200, response: 'thanks\u001b[2J' })],
});

async function fileWith(content: string) {
  const folder = await temporaryFolder();
  onTestFinished(() => folder.remove());
  const path = join(folder.path, 'secret');
  writeFileSync(path, content);
  return path;
}
const sentBody = (asked: Awaited<ReturnType<typeof serve>>['asked']): unknown =>
  JSON.parse(asked[0]?.body.toString() ?? '');

describe('endpoints', () => {
  test('are listed, page by page, with their state', async () => {
    const { env } = await serve({
      'GET /v1/webhooks?limit=200': json(200, { webhooks: [webhook], next_cursor: 'wh_1' }),
      'GET /v1/webhooks?limit=200&cursor=wh_1': json(200, {
        webhooks: [
          switchedOff,
          { ...webhook, id: 'wh_3', failing_since: time, circuit_open_until: '2126-01-01T00:00:00.000Z' },
          { ...webhook, id: 'wh_4', enabled: false },
        ],
      }),
    });
    const { exit, out } = await slipway(['webhooks'], env);
    expect(exit).toBe(0);
    const lines = out.split('\n');
    expect(lines[0]).toMatch(/^WEBHOOK +STATE +URL +EVENTS +DESCRIPTION$/);
    expect(lines[1]).toMatch(
      /^wh_1 +enabled +https:\/\/ci\.example\/hook +job\.succeeded,failed batch\.finished +the shop$/,
    );
    expect(lines[2]).toMatch(/^wh_2 +disabled .* ago: it answered 410 Gone +https/);
    expect(lines[3]).toMatch(/^wh_3 +failing for .*, next try in .* https/);
    expect(lines[4]).toMatch(/^wh_4 +disabled +https/);
    expect(JSON.parse((await slipway(['webhooks', 'list', '--json'], env)).out)).toHaveLength(4);
  });

  test('are not listed when there are none', async () => {
    const { env } = await serve({ 'GET /v1/webhooks?limit=200': json(200, { webhooks: [] }) });
    const { exit, out, err } = await slipway(['webhooks', 'list'], env);
    expect({ exit, out, err }).toEqual({ exit: 0, out: '', err: expect.stringMatching(/^No webhooks\./) });
  });

  test('that Slipway disabled are shown with a remedy', async () => {
    const { env } = await serve({ 'GET /v1/webhooks/wh_2': json(200, switchedOff) });
    const { out, err } = await slipway(['webhooks', 'show', 'wh_2'], env);
    expect(out).toMatch(
      /^wh_2 {2}disabled .* ago: it answered 410 Gone\n {2}url +https:[\s\S]*labels +team=shop/,
    );
    expect(err).toContain('slipway webhooks update wh_2 --enable');
    expect(err).toContain('slipway webhooks recover wh_2 --since 2026-01-01T00:00:00.000Z');
  });

  test('are created with the given settings, and their secret is shown', async () => {
    const { env, asked } = await serve({ 'POST /v1/webhooks': json(201, { ...webhook, secret }) });
    const { exit, out, err } = await slipway(
      [
        ...['webhooks', 'create', 'https://ci.example/hook', '--event', 'job.failed,job.succeeded'],
        ...['--event', 'batch.finished', '--label', 'team=shop', '--description', 'the shop'],
        ...['--max-in-flight', '3', '--format', 'standard'],
      ],
      env,
    );
    expect(exit).toBe(0);
    expect(out.match(new RegExp(`  secret +${secret.replaceAll(/[+/]/g, '\\$&')}\n`, 'g'))).toHaveLength(1);
    expect(err).toMatch(/shown only once[\s\S]*slipway webhooks test wh_1\n$/);
    expect(sentBody(asked)).toEqual({
      ...{ url: 'https://ci.example/hook', events: ['job.failed', 'job.succeeded', 'batch.finished'] },
      ...{
        labels: { team: 'shop' },
        description: 'the shop',
        max_in_flight: 3,
        format: { type: 'standard' },
      },
    });
  });

  test('take a secret from a file, which is not printed', async () => {
    const { env, asked } = await serve({ 'POST /v1/webhooks': json(201, { ...webhook, secret }) });
    const file = await fileWith(`${secret}\n`);
    const { exit, out, err } = await slipway(
      ['webhooks', 'create', 'https://ci.example/hook', '--secret-file', file],
      env,
    );
    expect({ exit, shown: (out + err).includes(secret) }).toEqual({ exit: 0, shown: false });
    expect(sentBody(asked)).toEqual({ url: 'https://ci.example/hook', secret });
  });

  test('refuse an invalid secret, and do not print it', async () => {
    const { env, asked } = await serve({});
    const file = await fileWith('hunter2');
    const { exit, err } = await slipway(['webhooks', 'create', 'https://a/', '--secret-file', file], env);
    expect({ exit, asked, shown: err.includes('hunter2') }).toEqual({ exit: 2, asked: [], shown: false });
    expect(err).toContain('openssl rand -base64 32');
  });

  test('of the API of a CI system have no secret to show', async () => {
    const format = { type: 'github_commit_status', token: 'github', context: 'build' };
    const { env } = await serve({ 'POST /v1/webhooks': json(201, { ...webhook, format, secret }) });
    const { out, err } = await slipway(
      [
        ...['webhooks', 'create', 'https://api.github.com', '--format', 'github_commit_status'],
        ...['--format-token', 'github', '--context', 'build'],
      ],
      env,
    );
    expect(out).toMatch(/format +github_commit_status \(token github, context build\)/);
    expect(out).not.toContain('whsec_');
    // A test message has no commit whose status could be set.
    expect(err).toBe('');
  });

  test('change only in the given settings', async () => {
    const { env, asked } = await serve({ 'PATCH /v1/webhooks/wh_1': json(200, webhook) });
    const { exit, out } = await slipway(
      ['webhooks', 'update', 'wh_1', '--enable', '--no-label', '--event', 'job.failed'],
      env,
    );
    expect({ exit, out }).toEqual({ exit: 0, out: expect.stringMatching(/^wh_1 {2}enabled\n/) });
    expect(sentBody(asked)).toEqual({ enabled: true, labels: {}, events: ['job.failed'] });
    await slipway(['webhooks', 'update', 'wh_1', '--disable', '--label', 'a=b', '--url', 'https://b/'], env);
    expect(JSON.parse(asked[1]?.body.toString() ?? '')).toEqual({
      ...{ enabled: false, labels: { a: 'b' }, url: 'https://b/' },
    });
  });

  test('are deleted, and get a new secret', async () => {
    const rotating = { ...webhook, rotating_until: '2026-01-03T03:04:05.000Z', secret };
    const { env } = await serve({
      'DELETE /v1/webhooks/wh_1': (res) => res.writeHead(204).end(),
      'POST /v1/webhooks/wh_1/rotate': json(200, rotating),
    });
    const rotated = await slipway(['webhooks', 'rotate', 'wh_1'], env);
    expect(rotated).toMatchObject({ exit: 0, out: `wh_1\n  secret  ${secret}\n` });
    expect(rotated.err).toContain('Until 2026-01-03T03:04:05.000Z');
    expect((await slipway(['webhooks', 'delete', 'wh_1'], env)).out).toMatch(/^wh_1 is deleted/);
    expect((await slipway(['webhooks', 'delete', 'wh_9'], env)).exit).toBe(3);
  });

  test.each([
    [['update', 'wh_1'], /no setting is given/],
    [['update', 'wh_1', '--enable', '--disable'], /exclude each other/],
    [['create', 'https://a/', '--event', 'job.done'], /--event.*Events are job\.queued/],
    [['create', 'https://a/', '--ref', 'main'], /--ref needs --format/],
    [['recover', 'wh_1'], /'--since <time>' not specified/],
    [['recover', 'wh_1', '--since', 'noon'], /--since.*30m, 2h or 3d/],
    [['deliveries', 'wh_1', '--job', 'job_1'], /all endpoints/],
    [['deliveries', '--state', 'lost'], /Allowed choices are pending/],
    [['listen', '--forward', '3000'], /--forward.*http or https URL/],
    [['listen', '--secret', 'hunter', '--event', 'job.failed'], /--secret creates none/],
    [['listen', '--secret', 'hunter'], /--secret holds no webhook secret/],
  ])('%j is wrong usage', async (argv, message) => {
    const { env, asked } = await serve({});
    const { exit, out, err } = await slipway(['webhooks', ...argv], env);
    expect({ exit, out, asked }).toEqual({ exit: 2, out: '', asked: [] });
    expect(err).toMatch(message);
    expect(err).not.toContain('hunter');
  });
});

describe('deliveries', () => {
  const rows = [
    delivered,
    delivery({
      ...{ id: 'dlv_2', attempts: [attempt({ error: 'ECONNREFUSED' }), attempt({ number: 2, status: 503 })] },
      next_attempt_at: '2126-01-01T00:00:00.000Z',
    }),
    delivery({ id: 'dlv_3', state: 'failed', reason: 'exhausted', job: undefined, batch: 'batch_1' }),
  ];

  test('of an endpoint are listed', async () => {
    const { env } = await serve({
      'GET /v1/webhooks/wh_1/deliveries?limit=20&state=failed': json(200, { deliveries: rows }),
    });
    const { exit, out } = await slipway(['webhooks', 'deliveries', 'wh_1', '--state', 'failed'], env);
    expect(exit).toBe(0);
    const lines = out.split('\n');
    expect(lines[0]).toMatch(/^DELIVERY +STATE +EVENT +ABOUT +TRIES +LAST +AGE$/);
    expect(lines[1]).toMatch(/^dlv_1 +delivered +job\.failed +job_1 +1 +200 +\d+ d(?: \d+ h)?$/);
    expect(lines[2]).toMatch(/^dlv_2 +pending +job\.failed +job_1 +2 +503 .* next in \d/);
    expect(lines[3]).toMatch(/^dlv_3 +failed +job\.failed +batch_1 +0 +- .* exhausted$/);
  });

  test('of all are listed with where they go', async () => {
    const { env } = await serve({
      'GET /v1/deliveries?limit=1&job=job_1': json(200, {
        deliveries: [{ ...delivered, webhook: undefined }],
        next_cursor: 'x',
      }),
      'GET /v1/deliveries?limit=20&batch=batch_1': json(200, { deliveries: [] }),
    });
    const { out, err } = await slipway(['webhooks', 'deliveries', '--job', 'job_1', '--limit', '1'], env);
    expect(out).toMatch(/^DELIVERY .* TO\ndlv_1 .* callback https:\/\/ci\.example\/hook\n$/);
    expect(err).toBe('The latest 1; --limit shows more.\n');
    expect((await slipway(['webhooks', 'deliveries', '--batch', 'batch_1'], env)).err).toBe(
      'No deliveries.\n',
    );
  });

  test('are shown with each attempt, and without control sequences from a receiver', async () => {
    const { env } = await serve({ 'GET /v1/deliveries/dlv_1': json(200, delivered) });
    const { out } = await slipway(['webhooks', 'delivery', 'dlv_1'], env);
    expect(out).toMatch(
      /^dlv_1 {2}delivered\n[\s\S]*message +msg_1\n[\s\S]*attempt 1, \S+: 200 in 34 ms\n {4}thanks\n\n {2}request\n {4}\{\n {6}"type": "job\.failed"\n/,
    );
    expect(out).not.toContain('\u001b');
  });

  test('are made again', async () => {
    const { env, asked } = await serve({
      'POST /v1/webhooks/wh_1/recover': json(202, { recovered: 2 }),
      'POST /v1/webhooks/wh_2/recover': json(202, { recovered: 0 }),
    });
    const recover = (id: string) =>
      slipway(['webhooks', 'recover', id, '--since', '2026-01-31T14:00:00+01:00'], env);
    expect((await recover('wh_1')).out).toMatch(/^2 messages are sent again/);
    expect(sentBody(asked)).toEqual({ since: '2026-01-31T13:00:00.000Z' });
    expect((await recover('wh_2')).out).toMatch(/^Nothing has failed since 2026-01-31T13/);
  });
});

describe('test and redeliver', () => {
  test('wait for the first attempt, and show the answer', async () => {
    let looks = 0;
    const { env } = await serve({
      'POST /v1/webhooks/wh_1/test': json(202, delivery({ type: 'webhook.test' })),
      'GET /v1/deliveries/dlv_1': (res) => json(200, ++looks < 3 ? delivery() : delivered)(res),
    });
    const { exit, out, err } = await slipway(['webhooks', 'test', 'wh_1'], env);
    expect({ exit, out }).toEqual({ exit: 0, out: 'delivered: 200 in 34 ms\n  thanks\n' });
    expect(err).toContain('slipway webhooks delivery dlv_1');
    expect(looks).toBe(3);
  });

  test.each([
    [{ state: 'pending', next_attempt_at: time, attempts: [attempt({ status: 500 })] }, /retried at 2026/],
    [
      { state: 'failed', reason: 'refused_401', attempts: [attempt({ status: 401 })] },
      /: it would answer 401 again\.\n/,
    ],
    [{ state: 'canceled', reason: 'no_commit', attempts: [] }, /: no_commit: the job has no commit/],
    [
      { state: 'failed', reason: 'egress_denied', attempts: [attempt({ error: 'egress_denied' })] },
      /EGRESS_ALLOW/,
    ],
  ])('end with 1 when it was not delivered: %j', async (more, message) => {
    const { env } = await serve({ 'POST /v1/deliveries/dlv_0/redeliver': json(202, delivery(more)) });
    const { exit, out, err } = await slipway(['webhooks', 'redeliver', 'dlv_0'], env);
    expect({ exit, out }).toEqual({ exit: 1, out: expect.stringMatching(/^not delivered/) });
    expect(err).toMatch(message);
    expect(await slipway(['webhooks', 'redeliver', 'dlv_0', '--detach'], env)).toEqual({
      ...{ exit: 0, out: 'dlv_1\n', err: '' },
    });
  });

  test('with --json print the delivery', async () => {
    const { env } = await serve({ 'POST /v1/webhooks/wh_1/test': json(202, delivered) });
    const { exit, out } = await slipway(['webhooks', 'test', 'wh_1', '--json'], env);
    expect({ exit, delivery: JSON.parse(out) }).toEqual({ exit: 0, delivery: delivered });
  });

  test('of a missing endpoint are refused', async () => {
    const { env } = await serve({ 'POST /v1/webhooks/wh_9/test': problem(404, 'not_found') });
    expect((await slipway(['webhooks', 'test', 'wh_9'], env)).exit).toBe(3);
  });
});
