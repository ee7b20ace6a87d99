import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Simulator, type SimulatorOptions, startSimulator } from './start-simulator.js';
import { linesOf as lines, payload, payloadSecret, sign } from './testing/payload.js';

const running: Simulator[] = [];
afterEach(() => Promise.all(running.splice(0).map((simulator) => simulator.stop())));

async function start(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  const simulator = await startSimulator({ payloadSecret, ...options });
  running.push(simulator);
  return simulator;
}

interface Post {
  readonly image?: string;
  readonly body?: Buffer<ArrayBuffer>;
  readonly signature?: string;
  readonly stream?: boolean;
  readonly signal?: AbortSignal;
}

function post({ url }: Simulator, options: Post = {}): Promise<Response> {
  const body = options.body ?? payload(options.image ?? 'r.example/fn:1');
  return fetch(`${url}/build`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/octet-stream',
      'x-build-signature': options.signature ?? sign(body),
      ...(options.stream && { accept: 'application/x-ndjson' }),
    },
    ...(options.signal && { signal: options.signal }),
  });
}

describe('a simulated replica that lies', () => {
  it.each([
    ['bad_digest', 'not a digest'],
    ['other_image', 'another/image'],
    ['bad_duration', '"duration":-1'],
    ['nested_line', '[[[['],
    ['endless_line', '"xxx'],
    ['many_values', '"",""'],
    ['huge_error', '"status":"failed"'],
  ] as const)('says %s in one line', async (fault, part) => {
    const simulator = await start({ faults: [{ fault, image: 'lied' }] });
    const text = await (await post(simulator, { image: 'r.example/lied:1', stream: true })).text();
    expect(text.split('\n')).toHaveLength(2);
    expect(text.includes(part)).toBe(true);
    expect(await lines(await post(simulator, { stream: true }))).toMatchObject([
      {},
      {},
      { status: 'success' },
    ]);
  });
});

describe('a simulated replica', () => {
  it.each([
    ['last', ['context', 'com.openfaas.docker.config']],
    ['first', ['com.openfaas.docker.config', 'context']],
    ['with ./', ['./com.openfaas.docker.config', './context']],
  ])('finds the configuration %s, and answers with one object', async (_where, order) => {
    const simulator = await start();
    const answer = await post(simulator, { body: payload('r.example/team/fn:2', order) });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await answer.json()).toMatchObject({
      status: 'success',
      image: 'r.example/team/fn:2',
      log: expect.arrayContaining([expect.stringMatching(/^v: \d{4}-.* \[1\/2\] FROM scratch/)]),
      duration: expect.any(Number),
    });
  });

  it('streams one object a line where asked to, the status last', async () => {
    const answer = await post(await start(), { stream: true });
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    expect((await lines(answer)).map(({ status }) => status)).toEqual([
      'in_progress',
      'in_progress',
      'success',
    ]);
  });

  it.each([
    ['a wrong one', `sha256=${'0'.repeat(64)}`],
    ['none', ''],
  ])('wants a signature that fits, not %s', async (_what, signature) => {
    const simulator = await start();
    expect((await post(simulator, { signature })).status).toBe(401);
    expect(await simulator.stats()).toMatchObject({ bad_signatures: 1, begun: 0, concurrency: 0 });
  });

  it('takes no payload without a configuration', async () => {
    const simulator = await start();
    expect((await post(simulator, { body: payload('x', ['context']) })).status).toBe(400);
    expect((await post(simulator, { image: 'NOT AN IMAGE' })).status).toBe(400);
    expect(await simulator.stats()).toMatchObject({ bad_payloads: 2, begun: 0 });
  });

  it('says 429 in plain text when it is full, is not ready then, and counts how far it was overrun', async () => {
    const simulator = await start({ maxInflight: 1, faults: [{ fault: 'hang', image: 'held' }] });
    const leave = new AbortController();
    const held = post(simulator, { image: 'r.example/held:1', signal: leave.signal }).catch(() => 'gone');
    await expect.poll(async () => (await simulator.stats()).begun).toBe(1);
    expect((await fetch(`${simulator.url}/ready`)).status).toBe(503);
    for (const path of ['/healthz', '/readyz'])
      expect((await fetch(simulator.url + path)).status, path).toBe(200);
    const refused = await post(simulator);
    expect([refused.status, refused.headers.get('content-type')]).toEqual([429, 'text/plain; charset=utf-8']);
    expect(await refused.text()).toBe('Concurrent request limit exceeded. Max concurrent request1');
    leave.abort();
    expect(await held).toBe('gone');
    await expect.poll(() => simulator.stats()).toMatchObject({ aborted: 1, concurrency: 0 });
    expect(await simulator.stats()).toMatchObject({ busy: 1, max_concurrency: 2, limit: 1 });
    expect((await post(simulator)).status).toBe(200);
    expect((await fetch(`${simulator.url}/ready`)).status).toBe(200);
  });

  it.each([
    [true, { code: 'builder_draining' }, [false, true, false, false]],
    [false, 'Draining', [false, false, false]],
  ])(
    "that stops refuses builds, and reports it as Slipway's builder does: %s",
    async (buildOptions, refusal, drains) => {
      const simulator = await start({ buildOptions, durations: { meanMs: 500, sigma: 0 } });
      const running = post(simulator, { stream: true });
      await expect.poll(async () => (await simulator.stats()).begun).toBe(1);
      const stopped = simulator.stop();
      const refused = await post(simulator);
      expect(refused.status).toBe(503);
      expect(buildOptions ? await refused.json() : await refused.text()).toEqual(
        typeof refusal === 'string' ? refusal : expect.objectContaining(refusal),
      );
      const said = await lines(await running);
      expect(said.map((line) => 'draining' in line)).toEqual(drains);
      expect(said.at(-1)).toMatchObject({ status: 'success' });
      await stopped;
    },
  );
});

describe('a fault', () => {
  it.each([
    ['failed', 200, [{ status: 'failed', error: expect.stringContaining('exit code: 1') }]],
    ['failure', 200, [{ status: 'failure', error: expect.stringContaining('exit code: 1') }]],
    ['error_500', 500, [{ status: 'failed', log: [expect.stringContaining('exit code: 1')] }]],
    ['slow', 200, [{ status: 'success' }]],
  ] as const)('%s answers %i and says how the build ended', async (fault, status, ending) => {
    const simulator = await start({ faults: [{ fault }] });
    const answer = await post(simulator, { stream: true });
    expect(answer.status).toBe(status);
    expect((await lines(answer)).slice(-1)).toMatchObject(ending);
    expect((await simulator.stats()).faults).toEqual({ [fault]: 1 });
  });

  it('talks writes a numbered line again and again while the build runs', async () => {
    const simulator = await start({
      durations: { meanMs: 200, sigma: 0 },
      faults: [{ fault: 'talks', ms: 20 }],
    });
    const log = (await lines(await post(simulator, { stream: true }))).flatMap(({ log = [] }) => log);
    expect(log.slice(1, 3)).toEqual(['line 1', 'line 2']);
    expect(log.at(-1)).toContain('[2/2]');
  });

  it('truncated ends the stream without saying how the build ended', async () => {
    const answer = await post(await start({ faults: [{ fault: 'truncated' }] }), { stream: true });
    expect((await lines(answer)).map(({ status }) => status)).toEqual(['in_progress', 'in_progress']);
  });

  it('garbage is not JSON', async () => {
    const answer = await post(await start({ faults: [{ fault: 'garbage' }] }), { stream: true });
    expect(await answer.text()).toMatch(/^<html>/);
  });

  it('busy answers 429 though there is room', async () => {
    const simulator = await start({ maxInflight: 4, faults: [{ fault: 'busy' }] });
    expect((await post(simulator)).status).toBe(429);
    expect(await simulator.stats()).toMatchObject({ busy: 0, begun: 0, faults: { busy: 1 } });
  });

  it('reset breaks the connection in the middle of the stream', async () => {
    const durations = { meanMs: 20, sigma: 0 };
    const simulator = await start({ durations, faults: [{ fault: 'reset' }] });
    const answer = await post(simulator, { stream: true });
    await expect(answer.text()).rejects.toThrow();
    expect(await simulator.stats()).toMatchObject({ begun: 1, failed: 1, concurrency: 0 });
  });

  it('exit ends the process', async () => {
    let exited = 0;
    const durations = { meanMs: 20, sigma: 0 };
    const simulator = await start({ durations, faults: [{ fault: 'exit' }], exit: () => exited++ });
    const answer = await post(simulator, { stream: true });
    await expect(answer.text()).rejects.toThrow();
    expect(exited).toBe(1);
  });

  it('refuse takes no connection for a while, and then does again', async () => {
    const simulator = await start({ faults: [{ fault: 'refuse', ms: 300, times: 1 }] });
    await expect(post(simulator)).rejects.toThrow();
    const { port } = new URL(simulator.url);
    const refused = await new Promise((resolve) => {
      const socket = connect({ port: Number(port), host: '127.0.0.1' });
      socket.once('connect', () => resolve(socket.destroy() && 'connected'));
      socket.once('error', (error) => resolve((error as NodeJS.ErrnoException).code));
    });
    expect(refused).toBe('ECONNREFUSED');
    await expect
      .poll(() =>
        post(simulator).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200);
  });

  it('strikes only images that fit, and so often for each', async () => {
    const simulator = await start();
    await simulator.setFaults([{ fault: 'failed', image: '/bad', times: 1 }]);
    const status = async (image: string) =>
      (await lines(await post(simulator, { image, stream: true }))).at(-1)?.status;
    expect(await status('r.example/good:1')).toBe('success');
    expect(await status('r.example/bad:1')).toBe('failed');
    expect(await status('r.example/bad:1')).toBe('success');
    expect(await status('r.example/bad2:1')).toBe('failed');
    await expect(simulator.setFaults([{ fault: 'failed', image: '(' }])).rejects.toThrow('regular');
  });

  it('by chance is the same for the same seed', async () => {
    const images = Array.from({ length: 16 }, (_, at) => `r.example/fn-${at}:1`);
    const struck = async (seed: number) => {
      const simulator = await start({ seed, faults: [{ fault: 'busy', probability: 0.5 }] });
      const statuses: number[] = [];
      for (const image of images) statuses.push((await post(simulator, { image })).status);
      return statuses.join();
    };
    const first = await struck(1);
    expect(first).toContain('429');
    expect(first).toContain('200');
    expect(await struck(1)).toBe(first);
    expect(await struck(2)).not.toBe(first);
  });
});

describe('when it is stopped', () => {
  it('lets a running build end and takes no other', async () => {
    const simulator = await start({ durations: { meanMs: 200, sigma: 0 } });
    const build = post(simulator, { stream: true });
    await expect.poll(async () => (await simulator.stats()).begun).toBe(1);
    const stopped = simulator.stop();
    expect((await lines(await build)).at(-1)).toMatchObject({ status: 'success' });
    await stopped;
    await expect(post(simulator)).rejects.toThrow();
  });

  it('breaks off a build that does not end', async () => {
    const simulator = await start({ faults: [{ fault: 'hang' }] });
    const build = post(simulator, { stream: true });
    const broken = expect(build).rejects.toThrow();
    await expect.poll(async () => (await simulator.stats()).begun).toBe(1);
    await simulator.stop();
    await broken;
  });
});
