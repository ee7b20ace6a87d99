import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Delivery, DeliverySummary, Webhook, WebhookWithSecret } from '@slipway/client';
import { Webhook as Verifier } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerfile, makeContext } from '../context.js';
import { type Stack, startStack } from '../stack.js';
import { startCommand } from './command.js';

let stack: Stack;
let env: Record<string, string>;
beforeAll(async () => {
  // No retry may come while a test changes the receiver's answers.
  stack = await startStack({ env: { worker: { WEBHOOK_RETRY_SECONDS: '300' } } });
  env = { SLIPWAY_URL: stack.url, SLIPWAY_TOKEN: stack.token, SLIPWAY_DATA: '/no/such/folder' };
});
afterAll(() => stack?.stop());

const start = (...args: string[]) => startCommand(args, env);
const run = (...args: string[]) => start(...args).ended;
/** Runs a webhooks command with `--json`, which must succeed. Returns its output. */
async function result<T>(...args: string[]): Promise<T> {
  const { exit, out, err } = await run('webhooks', ...args, '--json');
  if (exit !== 0) throw new Error(`it ended with ${exit}: ${out}${err}`);
  return JSON.parse(out) as T;
}

interface Line {
  readonly type: string;
  readonly url: string;
  readonly webhook: string;
  readonly verified: boolean;
  readonly message: { readonly type: string; readonly data: { readonly job?: { readonly id: string } } };
}
/** Starts `listen`, and resolves once it listens. */
async function startListen(...args: string[]) {
  const command = start('webhooks', 'listen', '--json', ...args);
  await command.said('"listening"');
  const lines = () =>
    command
      .out()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
  const [{ url, webhook } = { url: '', webhook: '' }] = lines();
  return { command, url, webhook, messages: () => lines().slice(1) };
}

interface Got {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Starts a program like one that CI would run. It answers every message with `status`, which may change. */
async function startProgram() {
  const got: Got[] = [];
  const program = { got, url: '', status: 200, close: () => server.close() };
  const server = createServer(async (req, res) => {
    got.push({ headers: req.headers, body: await text(req) });
    res.writeHead(program.status).end(`answered ${program.status}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  program.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return program;
}
const verify = (secret: string, { headers, body }: Got) =>
  new Verifier(secret).verify(body, headers as Record<string, string>) as { type: string };

describe('listen', () => {
  test('receives the end of a job, forwards it, and leaves nothing behind', async () => {
    const program = await startProgram();
    const listen = await startListen(
      '--forward',
      program.url,
      '--event',
      'job.succeeded',
      '--label',
      'run=7',
    );
    const context = makeContext({ Dockerfile: dockerfile() });
    const build = (label: string) =>
      run(
        'build',
        context,
        '--image',
        `${stack.registry}/hooks/${label}:1`,
        '--label',
        `run=${label}`,
        '--json',
      );
    // A job with another label, which this endpoint does not get.
    await build('6');
    const job = JSON.parse((await build('7')).out) as { id: string };
    await listen.command.said(job.id);
    expect(listen.messages()).toMatchObject([
      {
        verified: true,
        message: { type: 'job.succeeded', data: { job: { id: job.id } } },
        forwarded: { status: 200 },
      },
    ]);
    // The worker records a delivery after the receiver has the message.
    await expect
      .poll(() => result<DeliverySummary[]>('deliveries', '--job', job.id))
      .toMatchObject([{ state: 'delivered', webhook: listen.webhook, type: 'job.succeeded' }]);
    listen.command.kill('SIGINT');
    expect((await listen.command.ended).exit).toBe(0);
    expect(await result<Webhook[]>('list')).toEqual([]);
    program.close();
  });

  test('that was killed is cleaned up by the next run', async () => {
    const killed = await startListen();
    killed.command.kill('SIGKILL');
    await killed.command.ended;
    expect((await result<Webhook[]>('list')).map(({ id }) => id)).toEqual([killed.webhook]);
    const next = await startListen();
    expect((await result<Webhook[]>('list')).map(({ id }) => id)).toEqual([next.webhook]);
    next.command.kill('SIGTERM');
    expect((await next.command.ended).exit).toBe(0);
  });

  test('at an address that the server may not reach reports the remedy', async () => {
    const { exit, err } = await run('webhooks', 'listen', '--url', 'http://10.1.2.3/');
    expect({ exit, err }).toEqual({
      exit: 3,
      err: expect.stringMatching(/egress_denied[\s\S]*EGRESS_ALLOW/),
    });
  });
});

test('an endpoint from its creation to its deletion', async () => {
  const program = await startProgram();
  const { id, secret } = await result<WebhookWithSecret>('create', program.url, '--description', 'the test');

  const good = await run('webhooks', 'test', id);
  expect({ exit: good.exit, out: good.out }).toEqual({
    exit: 0,
    out: expect.stringMatching(/^delivered: 200 in .*\n {2}answered 200\n$/),
  });
  expect(verify(secret, program.got[0] as Got)).toMatchObject({ type: 'webhook.test' });

  const { secret: newer } = await result<WebhookWithSecret>('rotate', id);
  const [first] = await result<DeliverySummary[]>('deliveries', id);
  const again = await result<Delivery>('redeliver', first?.id ?? '');
  expect(again).toMatchObject({
    state: 'delivered',
    redelivery_of: first?.id,
    message_id: first?.message_id,
  });
  const [before, after] = program.got as [Got, Got];
  expect(after.headers['webhook-id']).toBe(before.headers['webhook-id']);
  for (const key of [secret, newer]) expect(verify(key, after)).toEqual(JSON.parse(before.body));

  program.status = 500;
  const bad = await run('webhooks', 'test', id);
  expect([bad.exit, bad.out, bad.err]).toEqual([
    ...[1, expect.stringMatching(/^not delivered: 500 in .*\n {2}answered 500\n$/)],
    expect.stringMatching(/^It is retried at /),
  ]);
  expect((await run('webhooks', 'list')).out).toMatch(new RegExp(`^${id} +failing for `, 'm'));

  program.status = 410;
  const gone = await run('webhooks', 'test', id);
  expect([gone.exit, gone.err]).toEqual([1, expect.stringMatching(/^It is not retried: gone:/)]);
  expect((await run('webhooks', 'show', id)).out).toMatch(/disabled .* ago: it answered 410 Gone\n/);
  expect((await run('webhooks', 'test', id)).exit).toBe(3);

  program.status = 200;
  expect((await run('webhooks', 'update', id, '--enable')).out).toMatch(new RegExp(`^${id} {2}enabled\n`));
  const failed = await result<DeliverySummary[]>('deliveries', id, '--state', 'failed');
  expect(failed).toMatchObject([{ reason: 'gone' }]);
  const { recovered } = await result<{ recovered: number }>('recover', id, '--since', '1h');
  expect(recovered).toBeGreaterThan(0);
  await expect
    .poll(() => program.got.filter(({ headers }) => headers['webhook-id'] === failed[0]?.message_id).length)
    .toBe(2);
  const shown = await run('webhooks', 'delivery', failed[0]?.id ?? '');
  expect(shown.out).toMatch(
    / {2}failed\n[\s\S]*why +gone: [\s\S]*attempt 1, .*: 410 in .*\n {4}answered 410\n/,
  );

  expect((await run('webhooks', 'delete', id)).exit).toBe(0);
  expect((await run('webhooks', 'show', id)).exit).toBe(3);
  program.close();
});
