import { freePort } from '@slipway/local';
import { expect, onTestFinished, test, vi } from 'vitest';
import { payloadOf } from '../testing/payload.js';
import { postBuild, resultOf } from '../testing/post-build.js';
import { ScriptedEngine } from '../testing/scripted-engine.js';
import { goodBody as body, startScripted } from '../testing/scripted-service.js';
import { startService } from '../testing/start-service.js';

test('without signatures every payload is built, and the log and readiness warn', async () => {
  const { url, engine, log } = await startScripted({ DISABLE_HMAC: 'true', PAYLOAD_SECRET: '' });
  engine.onBuild = ({ succeed }) => succeed();
  const response = await fetch(`${url}/build`, { method: 'POST', body: new Uint8Array(body) });
  expect(await resultOf(response)).toMatchObject({ status: 'success' });
  for (const path of ['/ready', '/readyz']) {
    const { status, warnings } = (await (await fetch(`${url}${path}`)).json()) as Record<string, unknown>;
    expect(status).toBe('ready');
    expect(warnings).toEqual([expect.stringContaining('signatures are not checked')]);
  }
  const warning = log()
    .split('\n')
    .find((line) => line.includes('signatures are not checked'));
  expect(JSON.parse(warning ?? '{}').level).toBe('warn');
});

test('what the engine warns of is logged, and shown for as long as it runs', async () => {
  const engine = new ScriptedEngine();
  engine.warnings.push('an old buildah');
  const service = await startService({ engine });
  onTestFinished(() => service.stop());
  for (let round = 0; round < 2; round++) {
    expect(await (await fetch(`${service.url}/readyz`)).json()).toMatchObject({
      warnings: ['an old buildah'],
    });
  }
  expect(service.log()).toContain('an old buildah');
});

test('every answer says which engine builds, and which process answers', async () => {
  const [one, other] = [await startScripted(), await startScripted()];
  const instances = new Set<string | null>();
  for (const path of ['/healthz', '/readyz', '/publickey', '/build', '/nothing']) {
    const { headers } = await fetch(one.url + path);
    expect(headers.get('x-slipway-engine')).toBe('buildah');
    instances.add(headers.get('x-slipway-instance'));
  }
  expect([...instances]).toEqual([expect.stringMatching(/^[\w-]{1,64}$/)]);
  expect(instances).not.toContain((await fetch(other.url)).headers.get('x-slipway-instance'));
});

test('an engine is unknown until it has answered', async () => {
  const engine = new ScriptedEngine();
  engine.fault = new Error('not yet');
  const service = await startService({ engine });
  onTestFinished(() => service.stop());
  const reported = async () => (await fetch(`${service.url}/healthz`)).headers.get('x-slipway-engine');
  expect(await reported()).toBe('unknown');
  engine.fault = undefined;
  engine.mode = 'buildkit-no-sandbox';
  await vi.waitFor(async () => expect(await reported()).toBe('buildkit-no-sandbox'), { timeout: 10_000 });
});

test('a build that must be kept apart goes by what the engine has answered, not by its name', async () => {
  const { url, engine } = await startScripted();
  const send = () => postBuild({ url, body, headers: { 'x-slipway-isolation': 'required' } });
  engine.reported = 'buildkit-no-sandbox';
  expect((await send()).status).toBe(421);
  engine.reported = undefined;
  expect((await send()).status).toBe(421);
  expect(engine.builds).toEqual([]);
  engine.onBuild = (build) => build.succeed();
  engine.reported = 'buildkit';
  expect((await send()).status).toBe(200);
});

test('a build that must be kept apart is refused by an engine that cannot', async () => {
  const { url, engine } = await startScripted();
  const refused = await postBuild({ url, body, headers: { 'x-slipway-isolation': 'required' } });
  expect(refused.status).toBe(421);
  expect(await refused.json()).toMatchObject({ code: 'builder_not_isolated' });
  expect(engine.builds).toEqual([]);
});

test('a service that is set up well warns of nothing', async () => {
  const { url } = await startScripted();
  expect(await (await fetch(`${url}/ready`)).json()).toEqual({ status: 'ready' });
});

test('health checks have a port of their own where that is asked for, and stay on the other', async () => {
  const port = await freePort();
  const { url } = await startScripted({ HEALTH_PORT: String(port) });
  for (const path of ['/healthz', '/readyz', '/ready']) {
    const answers = await Promise.all([fetch(`http://127.0.0.1:${port}${path}`), fetch(url + path)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  }
  expect((await fetch(`http://127.0.0.1:${port}/build`, { method: 'POST' })).status).toBe(404);
});

test('images are reproducible where builder or request say so', async () => {
  const epochs: (string | undefined)[] = [];
  for (const env of [{}, { REPRODUCIBLE: 'true' }]) {
    const { url, engine } = await startScripted(env);
    engine.onBuild = ({ request, succeed }) => {
      epochs.push(request.buildArgs.SOURCE_DATE_EPOCH);
      succeed();
    };
    for (const buildArgs of [{}, { SOURCE_DATE_EPOCH: '1' }, { SOURCE_DATE_EPOCH: '' }]) {
      const files = { Dockerfile: 'FROM scratch\n' };
      await (await postBuild({ url, body: payloadOf({ config: { buildArgs }, files }) })).text();
    }
  }
  expect(epochs).toEqual([undefined, '1', '', '499162500', '1', '']);
});

test('metrics may have a port of their own', async () => {
  const port = await freePort();
  const { url } = await startScripted({ METRICS_PORT: String(port) });
  expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toContain(
    'slipway_builder_builds_in_flight 0',
  );
  expect((await fetch(`${url}/metrics`)).status).toBe(404);
});
