import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { freePort } from '@slipway/local';
import { Webhook } from 'standardwebhooks';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Answer, json, problem, serve, slipway } from '../testing/command-line.js';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const mark = `slipway webhooks listen on ${hostname()}, process `;
/** A process id above the limit of any system. */
const deadPid = 4_194_305;

const made = (more: object = {}) => ({ id: 'wh_new', secret, ...more });
const server = (more: Readonly<Record<string, Answer>> = {}) =>
  serve({
    'GET /v1/webhooks?limit=200': json(200, { webhooks: [] }),
    'POST /v1/webhooks': json(201, made()),
    'DELETE /v1/webhooks/wh_new': (res) => res.writeHead(204).end(),
    ...more,
  });

/** Sends the signal of a closing terminal to this process, in which only the command handles it. */
const hangUp = () => process.emit('SIGHUP');

const jobMessage = {
  ...{ api_version: 'v1', type: 'job.failed', timestamp: '2026-01-02T03:04:05.000Z' },
  data: {
    ...{
      sequence: 3,
      url: '/v1/jobs/job_1',
      labels: {},
      code: 'build_failed',
      detail: 'step 2\nended with 1',
    },
    job: { id: 'job_1', state: 'failed', function: 'dev/fn', image: 'r.example/fn:1', version: 3 },
  },
};

async function send(url: string, { id = 'msg_1', key = secret, message = jobMessage as object } = {}) {
  const body = JSON.stringify(message);
  const at = new Date();
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      ...{ 'webhook-id': id, 'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)) },
      'webhook-signature': new Webhook(key).sign(id, at, body),
    },
    body,
  });
  return answer.status;
}

type Asked = Awaited<ReturnType<typeof serve>>['asked'];
/** Returns the URL of the endpoint, once it is created. */
async function endpointOf(asked: Asked) {
  const find = () => asked.find(({ call }) => call === 'POST /v1/webhooks')?.body.toString();
  await expect.poll(find).toBeDefined();
  return JSON.parse(find() ?? '') as { url: string; description: string };
}

describe('listen', () => {
  test('creates an endpoint, prints its messages, and removes it again', async () => {
    const { env, asked } = await server();
    const ended = slipway(
      ['webhooks', 'listen', '--event', 'job.failed,batch.finished', '--label', 'team=a'],
      env,
    );
    const endpoint = await endpointOf(asked);
    expect(endpoint).toEqual({
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/),
      description: `${mark}${process.pid}`,
      events: ['job.failed', 'batch.finished'],
      labels: { team: 'a' },
    });
    expect(await send(endpoint.url)).toBe(204);
    expect(await send(endpoint.url)).toBe(204);
    const batch = { id: 'batch_1', total: 3, counts: { succeeded: 2, failed: 1, canceled: 0 } };
    await send(endpoint.url, { id: 'msg_2', message: { type: 'batch.finished', data: { batch } } });
    expect(await send(endpoint.url, { key: `whsec_${Buffer.alloc(32).toString('base64')}` })).toBe(401);
    await send(endpoint.url, { id: 'msg_3', message: { type: 'strange\u001b[2J', data: { job: [] } } });
    hangUp();
    const { exit, out, err } = await ended;
    expect(exit).toBe(0);
    const clock = '\\d\\d:\\d\\d:\\d\\d';
    const lines = out.split('\n');
    expect(lines).toHaveLength(6);
    expect(lines[0]).toMatch(
      new RegExp(
        `^${clock}  job.failed     job_1  dev/fn  r.example/fn:1  build_failed: step 2 ended with 1$`,
      ),
    );
    expect(lines[1]).toMatch(/ended with 1 {2}\(again\)$/);
    expect(lines[2]).toMatch(/ {2}batch\.finished {2}batch_1 {2}2 succeeded, 1 failed of 3$/);
    expect(lines[3]).toMatch(/ {2}refused {2}msg_1: it was signed with another secret/);
    expect(lines[4]).toMatch(/ {2}strange *$/);
    expect(err).toContain(`listening  ${endpoint.url} as wh_new\nsecret     ${secret}\n`);
    expect(asked.at(-1)?.call).toBe('DELETE /v1/webhooks/wh_new');
    await expect(send(endpoint.url)).rejects.toThrow();
  });

  test('forwards messages, and reports them in JSON', async () => {
    const behind = createServer((req, res) => res.writeHead(req.url === '/hook' ? 202 : 404).end());
    behind.listen(0, '127.0.0.1');
    await once(behind, 'listening');
    onTestFinished(() => void behind.close());
    const forward = `http://127.0.0.1:${(behind.address() as AddressInfo).port}/hook`;
    const { env, asked } = await server();
    const ended = slipway(['webhooks', 'listen', '--forward', forward, '--json'], env);
    const { url } = await endpointOf(asked);
    expect(await send(url)).toBe(202);
    hangUp();
    const { out } = await ended;
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toEqual([
      { type: 'listening', url, webhook: 'wh_new', secret },
      {
        ...{ type: 'message', at: expect.any(String), id: 'msg_1', verified: true, again: false },
        ...{ message: jobMessage, forwarded: { status: 202, duration_ms: expect.any(Number) } },
      },
    ]);
  });

  test('gives the endpoint the address that the server knows it by', async () => {
    const { env, asked } = await server();
    const ended = slipway(['webhooks', 'listen', '--url', 'https://tunnel.example/in'], env);
    expect((await endpointOf(asked)).url).toBe('https://tunnel.example/in');
    hangUp();
    expect((await ended).exit).toBe(0);
  });

  test('removes only the endpoint that a killed run left behind', async () => {
    const left = (id: string, description: string) => ({ id, description });
    const { env, asked } = await server({
      'GET /v1/webhooks?limit=200': json(200, {
        webhooks: [
          left('wh_dead', `${mark}${deadPid}`),
          left('wh_alive', `${mark}${process.pid}`),
          left('wh_elsewhere', `slipway webhooks listen on another-host, process ${deadPid}`),
          left('wh_other', 'CI'),
        ],
      }),
      'DELETE /v1/webhooks/wh_dead': (res) => res.writeHead(204).end(),
    });
    const ended = slipway(['webhooks', 'listen'], env);
    await endpointOf(asked);
    hangUp();
    await ended;
    expect(asked.map(({ call }) => call).filter((call) => call.startsWith('DELETE'))).toEqual([
      'DELETE /v1/webhooks/wh_dead',
      'DELETE /v1/webhooks/wh_new',
    ]);
  });

  test('reports the remedy when the server may not send to this machine', async () => {
    const { env } = await server({ 'POST /v1/webhooks': problem(422, 'egress_denied') });
    const { exit, err } = await slipway(['webhooks', 'listen'], env);
    expect(exit).toBe(3);
    expect(err).toMatch(/^error: egress_denied: [\s\S]*EGRESS_ALLOW=127\.0\.0\.0\/8[\s\S]*--url/);
  });

  test('reports how to remove an endpoint that it could not remove', async () => {
    const { env, asked } = await server({ 'DELETE /v1/webhooks/wh_new': problem(500, 'internal') });
    const ended = slipway(['webhooks', 'listen'], env);
    await endpointOf(asked);
    hangUp();
    const { exit, err } = await ended;
    expect(exit).toBe(3);
    expect(err).toMatch(/wh_new could not be removed: internal[\s\S]*slipway webhooks delete wh_new/);
  });

  test('accepts that its endpoint was already removed', async () => {
    const { env, asked } = await server({ 'DELETE /v1/webhooks/wh_new': problem(404, 'not_found') });
    const ended = slipway(['webhooks', 'listen'], env);
    await endpointOf(asked);
    hangUp();
    expect((await ended).exit).toBe(0);
  });

  test('with --secret needs no server', async () => {
    const port = await freePort();
    const ended = slipway(['webhooks', 'listen', '--port', String(port), '--secret', secret]);
    const url = `http://127.0.0.1:${port}/`;
    await expect.poll(() => send(url).catch(() => 0)).toBe(204);
    hangUp();
    const { exit, out, err } = await ended;
    expect({ exit, out }).toEqual({ exit: 0, out: expect.stringContaining('job_1') });
    expect(err).toMatch(/^listening +http[\s\S]*Ctrl-C ends it\.\n$/);
    expect(err).not.toContain(secret);
  });

  test('names a port in use', async () => {
    const { url, env } = await server();
    const port = new URL(url).port;
    const { exit, err } = await slipway(['webhooks', 'listen', '--port', port], env);
    expect({ exit, err }).toEqual({ exit: 1, err: expect.stringContaining(`port ${port} is in use`) });
  });
});
