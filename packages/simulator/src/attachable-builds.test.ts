import { Secret } from '@slipway/shared/config';
import { buildPath } from '@slipway/shared/contracts';
import { type BuildCall, signBuildCall } from '@slipway/shared/signing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Simulator, type SimulatorOptions, startSimulator } from './start-simulator.js';
import { linesOf, payload, payloadSecret, sign } from './testing/payload.js';

const secret = new Secret(payloadSecret);
const body = payload('r.example/fn:1');

async function start(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  const simulator = await startSimulator({ payloadSecret, ...options });
  onTestFinished(() => simulator.stop());
  return simulator;
}

interface Post {
  readonly id?: string;
  readonly signal?: AbortSignal;
  readonly at?: Date;
}

function post({ url }: Simulator, { id = 'att_1', signal, at = new Date() }: Post = {}): Promise<Response> {
  const payloadSignature = sign(body);
  const call: BuildCall = { method: 'POST', path: '/build', buildId: id, payloadSignature };
  return fetch(`${url}/build`, {
    method: 'POST',
    body,
    headers: {
      accept: 'application/x-ndjson',
      'x-build-signature': payloadSignature,
      'x-slipway-build': id,
      'x-slipway-signature': signBuildCall({ secret, call, at }),
    },
    ...(signal && { signal }),
  });
}

function call({ url }: Simulator, method: 'GET' | 'DELETE', path: string): Promise<Response> {
  const buildId = path.split('/')[2]?.split('?')[0] ?? '';
  const signature = signBuildCall({ secret, call: { method, path, buildId }, at: new Date() });
  return fetch(url + path, { method, headers: { 'x-slipway-signature': signature } });
}

const logOf = async (answer: Response) =>
  (await linesOf(answer)).flatMap(({ log = [], line = 0 }) => log.map((_text, at) => line + at));

/** A build whose client is gone. */
async function detached(simulator: Simulator, id = 'att_1'): Promise<void> {
  const client = new AbortController();
  const answer = await post(simulator, { id, signal: client.signal });
  expect(answer.status).toBe(200);
  client.abort();
}

const slow = { durations: { meanMs: 300, sigma: 0 } };

describe('a build with an id', () => {
  it('goes on when its client is gone, and others read its log and its result, as often as they like', async () => {
    const simulator = await start(slow);
    expect((await fetch(`${simulator.url}/healthz`)).headers.get('x-slipway-features')).toBe(
      'build-options, attachable-builds',
    );
    await detached(simulator);
    const running = await call(simulator, 'GET', buildPath('att_1', 0));
    const lines = await linesOf(running);
    expect(lines.at(-1)).toMatchObject({ status: 'success', image: 'r.example/fn:1', line: 2 });
    for (const [from, expected] of [
      ['', [0, 1]],
      ['?from=1', [1]],
      ['?from=2', []],
    ] as const)
      expect(await logOf(await call(simulator, 'GET', `/builds/att_1${from}`))).toEqual(expected);
    expect(await simulator.stats()).toMatchObject({
      ...{ begun: 1, succeeded: 1, aborted: 0, attached: 4, concurrency: 0 },
      ...{ begun_by_id: { att_1: 1 }, built_twice: 0 },
    });
  });

  it('is not begun a second time', async () => {
    const simulator = await start();
    expect((await linesOf(await post(simulator))).at(-1)).toMatchObject({ status: 'success', line: 2 });
    const again = await post(simulator);
    expect([again.status, await again.json()]).toEqual([
      409,
      expect.objectContaining({ code: 'build_exists' }),
    ]);
    expect((await linesOf(await post(simulator, { id: 'att_2' }))).at(-1)).toMatchObject({
      status: 'success',
    });
    expect(await simulator.stats()).toMatchObject({ begun_by_id: { att_1: 1, att_2: 1 }, built_twice: 0 });
  });

  it('is canceled by its id, with a result for its readers', async () => {
    const simulator = await start({ faults: [{ fault: 'hang' }] });
    await detached(simulator);
    const reading = call(simulator, 'GET', '/builds/att_1');
    await expect.poll(async () => (await simulator.stats()).attached).toBe(1);
    expect((await call(simulator, 'DELETE', '/builds/att_1')).status).toBe(204);
    expect(await simulator.stats()).toMatchObject({ aborted: 1, canceled: 1, concurrency: 0 });
    expect(await linesOf(await reading)).toMatchObject([{ status: 'failed', code: 'canceled' }]);
  });

  it('ends when no client reads it for long enough, but not while a client does', async () => {
    const simulator = await start({ detachedMs: 100, faults: [{ fault: 'hang' }] });
    const client = new AbortController();
    await post(simulator, { signal: client.signal });
    await detached(simulator, 'att_2');
    await expect.poll(async () => (await simulator.stats()).aborted).toBe(1);
    client.abort();
    await expect.poll(async () => (await simulator.stats()).aborted).toBe(2);
    expect(await linesOf(await call(simulator, 'GET', '/builds/att_1'))).toMatchObject([
      { status: 'failed', code: 'build_abandoned' },
    ]);
  });

  it('is forgotten some time after its end', async () => {
    const simulator = await start({ resultMs: 50 });
    await linesOf(await post(simulator));
    const status = async () => (await call(simulator, 'GET', '/builds/att_1')).status;
    await expect.poll(status).toBe(404);
    expect((await call(simulator, 'DELETE', '/builds/att_1')).status).toBe(404);
  });

  it('survives a cut connection, and not a replica that resets it', async () => {
    const simulator = await start({ ...slow, faults: [{ fault: 'cut', times: 1 }, { fault: 'reset' }] });
    await expect(post(simulator).then(linesOf)).rejects.toThrow();
    expect((await linesOf(await call(simulator, 'GET', '/builds/att_1'))).at(-1)).toMatchObject({
      status: 'success',
    });
    await expect(post(simulator, { id: 'att_2' }).then(linesOf)).rejects.toThrow();
    expect((await call(simulator, 'GET', '/builds/att_2')).status).toBe(404);
  });

  it('is waited for by a simulator that is stopped, until its result is read', async () => {
    const simulator = await start(slow);
    await detached(simulator);
    const stopped = simulator.stop();
    await expect.poll(async () => (await simulator.stats()).succeeded).toBe(1);
    const lines = await linesOf(await call(simulator, 'GET', '/builds/att_1'));
    expect(lines).toMatchObject([{ draining: true }, { line: 0 }, { status: 'success', line: 2 }]);
    await stopped;
  });

  it('needs calls that are signed, for themselves and now', async () => {
    const simulator = await start();
    await linesOf(await post(simulator));
    const { url } = simulator;
    const codeOf = async (answer: Response) => [
      answer.status,
      ((await answer.json()) as { code: string }).code,
    ];
    expect(await codeOf(await fetch(`${url}/builds/att_1`))).toEqual([401, 'signature_missing']);
    const other: BuildCall = { method: 'GET', path: '/builds/att_1', buildId: 'att_1' };
    const headers = { 'x-slipway-signature': signBuildCall({ secret, call: other, at: new Date() }) };
    expect((await fetch(`${url}/builds/att_1`, { headers })).status).toBe(200);
    for (const [path, method] of [
      ['/builds/att_1?from=1', 'GET'],
      ['/builds/att_2', 'GET'],
      ['/builds/att_1', 'DELETE'],
    ] as const)
      expect(await codeOf(await fetch(url + path, { method, headers })), path).toEqual([
        401,
        'signature_invalid',
      ]);
    const old = await post(simulator, { id: 'att_3', at: new Date(Date.now() - 400_000) });
    expect(await codeOf(old)).toEqual([401, 'signature_expired']);
    expect(Date.parse(old.headers.get('date') ?? '')).toBeGreaterThan(Date.now() - 60_000);
    expect(await codeOf(await post(simulator, { id: 'no id' }))).toEqual([422, 'request_invalid']);
    expect(await simulator.stats()).toMatchObject({ begun: 1 });
  });

  it.each([{ buildOptions: false }, { detachedMs: 0 }])(
    'ends with its connection on a replica that keeps none: %j',
    async (options) => {
      const simulator = await start({ ...slow, ...options });
      const { headers } = await fetch(`${simulator.url}/healthz`);
      expect(headers.get('x-slipway-features') ?? '').not.toContain('attachable-builds');
      await detached(simulator);
      await expect.poll(async () => (await simulator.stats()).aborted).toBe(1);
      expect((await call(simulator, 'GET', '/builds/att_1')).status).toBe(404);
    },
  );
});
