import { describe, expect, test } from 'vitest';
import { failure, job, json, problem, serve, spec } from './testing/server.js';

describe('a batch', () => {
  const counts = { queued: 0, running: 0, succeeded: 1, failed: 0, canceled: 0 };
  const batch = (state: string) => ({ id: 'batch_1', state, counts });

  test('is submitted, or only planned', async () => {
    const { client, seen } = await serve((call, res) =>
      (JSON.parse(call.body) as { dry_run: boolean }).dry_run
        ? json(res, 200, { total: 1, items: [] })
        : problem(res, 429, 'queue_full'),
    );
    const items = [{ ...spec }];
    expect(await client.planBatch({ batch: { items } })).toEqual({ total: 1, items: [] });
    expect(await failure(client.submitBatch({ batch: { items } }))).toMatchObject({ code: 'queue_full' });
    expect(seen.map(({ body }) => (JSON.parse(body) as { dry_run: boolean }).dry_run)).toEqual([true, false]);
  });

  test('is awaited until it has ended', async () => {
    const { client, seen } = await serve((_seen, res, count) =>
      json(res, 200, batch(count < 3 ? 'running' : 'finished')),
    );
    expect((await client.waitForBatch({ id: 'batch_1' })).state).toBe('finished');
    expect(seen.map(({ url }) => url)).toEqual(Array(3).fill('/v1/batches/batch_1?wait=30'));
  });

  test('is followed over a connection that breaks, without gaps or repeats', async () => {
    const change = (position: string, state: string) =>
      `id: ${position}\nevent: job\ndata: ${JSON.stringify(job(state))}\n\n`;
    const { client, seen } = await serve((_seen, res, count) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      if (count === 1) {
        res.write(
          `event: batch\ndata: ${JSON.stringify(batch('running'))}\n\n${change('1-0', 'running')}`,
          () => res.destroy(),
        );
      } else {
        const last = `id: 3-0\nevent: batch.finished\ndata: ${JSON.stringify(batch('finished'))}\n\n`;
        res.end(change('2-0', 'succeeded') + last);
      }
    });
    const said: unknown[] = [];
    for await (const event of client.followBatch({ id: 'batch_1' })) {
      said.push(event.type === 'job' ? event.job.state : event.type);
    }
    expect(said).toEqual(['batch', 'running', 'succeeded', 'batch.finished']);
    expect(seen.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1-0']);
  });
});

describe('functions and templates', () => {
  test('a rebuild is submitted, or only planned', async () => {
    const plan = { functions: [], left_out: [] };
    const { client, seen } = await serve(({ body }, res, count) => {
      if ((JSON.parse(body) as { dry_run: boolean }).dry_run) return json(res, 200, plan);
      return count === 2
        ? json(res, 202, { ...plan, batch: { id: 'batch_1' } })
        : problem(res, 429, 'queue_full');
    });
    const rebuild = { select: { base_image: 'node' } };
    expect(await client.planRebuild({ rebuild })).toEqual(plan);
    expect((await client.submitRebuild({ rebuild })).batch.id).toBe('batch_1');
    expect(await failure(client.submitRebuild({ rebuild }))).toMatchObject({ code: 'queue_full' });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(Array(3).fill('POST /v1/rebuilds'));
  });

  test('a template is sent, retried while the server is away, and reported as new or known', async () => {
    const { client, seen } = await serve((_seen, res, count) =>
      count === 1 ? problem(res, 503, 'draining') : json(res, count === 2 ? 201 : 200, { version: count }),
    );
    const archive = new TextEncoder().encode('tar');
    expect(await client.putTemplate({ name: 'node20', archive })).toEqual({ version: 2, created: true });
    const again = await client.putTemplate({ name: 'node20', archive, rebuild: true });
    expect(again).toEqual({ version: 3, created: false });
    const url = '/v1/templates/node20';
    expect(seen.map((each) => [each.method, each.url, each.body])).toEqual([
      ['PUT', url, 'tar'],
      ['PUT', url, 'tar'],
      ['PUT', `${url}?rebuild=true`, 'tar'],
    ]);
  });

  test('are named by their path, and deleted without an answer', async () => {
    const { client, seen } = await serve((_seen, res) => res.writeHead(204).end());
    await client.deleteFunction({ namespace: 'dev', name: 'hello' });
    await client.deleteTemplate({ name: 'node20' });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'DELETE /v1/functions/dev/hello',
      'DELETE /v1/templates/node20',
    ]);
  });
});

describe('webhooks', () => {
  const id = 'wh_1';

  test('calls that create or send something are retried with the same key', async () => {
    const { client, seen } = await serve((_seen, res, count) =>
      count % 2 === 1 ? problem(res, 503, 'draining') : json(res, 202, { id }),
    );
    const calls = [
      () => client.createWebhook({ webhook: { url: 'https://ci.example/' } }),
      () => client.rotateWebhookSecret({ id }),
      () => client.rotateWebhookSecret({ id, secret: 'whsec_x' }),
      () => client.testWebhook({ id }),
      () => client.recoverWebhook({ id, since: '2026-05-17T09:00:00Z' }),
      () => client.redeliver({ id: 'dlv_1' }),
    ];
    for (const call of calls) expect(await call()).toEqual({ id });
    const twice = [
      ['POST', '/v1/webhooks', '{"url":"https://ci.example/"}'],
      ['POST', '/v1/webhooks/wh_1/rotate', '{}'],
      ['POST', '/v1/webhooks/wh_1/rotate', '{"secret":"whsec_x"}'],
      ['POST', '/v1/webhooks/wh_1/test', ''],
      ['POST', '/v1/webhooks/wh_1/recover', '{"since":"2026-05-17T09:00:00Z"}'],
      ['POST', '/v1/deliveries/dlv_1/redeliver', ''],
    ].flatMap((each) => [each, each]);
    expect(seen.map(({ method, url, body }) => [method, url, body])).toEqual(twice);
    const keys = seen.map(({ headers }) => String(headers['idempotency-key']));
    expect(keys.filter((_key, at) => at % 2 === 1)).toEqual(keys.filter((_key, at) => at % 2 === 0));
    expect(new Set(keys).size).toBe(calls.length);
  });

  test('are read, changed and deleted, with retries while the server is away', async () => {
    const { client, seen } = await serve(({ method }, res, count) => {
      if (count % 2 === 1) return problem(res, 503, 'draining');
      return method === 'DELETE' ? res.writeHead(204).end() : json(res, 200, { id });
    });
    expect(await client.listWebhooks({ query: { limit: 2, cursor: id } })).toEqual({ id });
    expect(await client.getWebhook({ id })).toEqual({ id });
    expect(await client.updateWebhook({ id, patch: { enabled: true } })).toEqual({ id });
    await client.deleteWebhook({ id });
    await client.listWebhookDeliveries({ id, query: { state: 'failed' } });
    await client.listDeliveries({ query: { job: 'job_1', cursor: 'x' } });
    await client.getDelivery({ id: 'dlv_1' });
    expect(seen.filter((_call, at) => at % 2 === 1).map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /v1/webhooks?limit=2&cursor=wh_1',
      'GET /v1/webhooks/wh_1',
      'PATCH /v1/webhooks/wh_1',
      'DELETE /v1/webhooks/wh_1',
      'GET /v1/webhooks/wh_1/deliveries?state=failed',
      'GET /v1/deliveries?job=job_1&cursor=x',
      'GET /v1/deliveries/dlv_1',
    ]);
  });
});
