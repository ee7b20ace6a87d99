import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Batch, Job } from '@slipway/shared/contracts';
import { type EngineName, engineNames } from '@slipway/shared/contracts';
import { afterAll, test as anyTest, beforeAll, describe, expect } from 'vitest';
import { dockerfile, makeContext, tarOf } from './context.js';
import { canUse } from './engines.js';
import { type Stack, startStack } from './stack.js';
import { type Collector, type ExportedSpan, pathOf, rootsOf, startCollector } from './tracing/collector.js';

const buildSteps = {
  buildkit: ['buildkit solve'],
  buildah: ['buildah bud', 'buildah push'],
} as const satisfies Record<EngineName, readonly string[]>;

const upstream = () => ({ traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') });
const headerOf = ({ traceId, spanId }: ReturnType<typeof upstream>) => `00-${traceId}-${spanId}-01`;

describe.each(engineNames)('traces of Slipway on %s', (engine) => {
  const test = anyTest.runIf(canUse(engine));
  /** Only BuildKit's stack sends trace headers to webhook receivers: the setting is off by default. */
  const tellsReceivers = engine === 'buildkit';
  const seen: IncomingHttpHeaders[] = [];
  let refusals = 0;
  const receiver = createServer(async (req, res) => {
    await req.toArray();
    seen.push(req.headers);
    res.writeHead(refusals-- > 0 ? 500 : 204).end();
  });
  let hook: string;
  let collector: Collector;
  let stack: Stack;
  beforeAll(async () => {
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook?token=hook-token`;
    collector = await startCollector();
    stack = await startStack({
      engine,
      workers: 2,
      slots: 4,
      env: {
        api: collector.env,
        worker: {
          ...collector.env,
          LOCK_DURATION_MS: '3000',
          STALLED_INTERVAL_MS: '1000',
          WEBHOOK_RETRY_SECONDS: '1',
          ...(tellsReceivers && { WEBHOOK_TRACE_CONTEXT: 'true' }),
        },
        builder: collector.env,
      },
    });
  });
  afterAll(async () => {
    await stack?.stop();
    collector?.close();
    receiver.close();
  });

  const post = async <T>(path: string, body: object, headers: Record<string, string> = {}) => {
    const answer = await stack.call(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(202);
    return (await answer.json()) as T;
  };
  const specOf = async (name: string, ...lines: string[]) => {
    const body = tarOf(makeContext({ Dockerfile: dockerfile(...lines) }));
    const answer = await stack.call('/v1/sources', { method: 'POST', body });
    const { digest } = (await answer.json()) as { digest: string };
    return { image: `${stack.registry}/traced/${name}:1`, source: { digest }, callback: { url: hook } };
  };
  const ended = async ({ id }: Pick<Job, 'id'>) => {
    for (;;) {
      const job = (await (await stack.call(`/v1/jobs/${id}?wait=30`)).json()) as Job;
      if (job.finished_at !== undefined) return job;
    }
  };
  const traceOfJob = (id: string) => {
    const own = collector.spans.find((span) => span.attributes['slipway.job.id'] === id);
    return own ? collector.trace(own.traceId) : [];
  };
  /** Resolves to the trace of a job after its message has arrived and all its attempts are exported. */
  const whole = async (job: Job, deliveries = 1) => {
    const names = (spans: ExportedSpan[], name: string) => spans.filter((span) => span.name === name).length;
    await expect
      .poll(() => {
        const spans = traceOfJob(job.id);
        return names(spans, 'deliver webhook') >= deliveries && names(spans, 'attempt') >= job.attempts.length
          ? rootsOf(spans).length
          : undefined;
      })
      .toBe(1);
    return traceOfJob(job.id);
  };

  test('of a job have one root, from the request over API, worker and builder to the webhook', async () => {
    const caller = upstream();
    const spec = await specOf('hello', 'ARG WORD', 'RUN echo $WORD');
    const job = await ended(
      await post<Job>(
        '/v1/jobs',
        { ...spec, build_args: { WORD: 'unspoken' } },
        { traceparent: headerOf(caller), tracestate: 'ci=7' },
      ),
    );
    expect([job.state, job.trace_id]).toEqual(['succeeded', caller.traceId]);
    const spans = await whole(job);
    expect(spans.map((span) => pathOf(span, spans)).sort()).toEqual(
      [
        'api POST /v1/jobs',
        'api POST /v1/jobs > api submit job',
        ...['wait in queue', 'attempt', 'deliver webhook'].map(
          (name) => `api POST /v1/jobs > api submit job > worker ${name}`,
        ),
        ...['assemble payload', 'sign payload', 'wait for slot', 'POST /build', 'keep log', 'settle'].map(
          (name) => `api POST /v1/jobs > api submit job > worker attempt > worker ${name}`,
        ),
        ...['worker stream answer', 'builder POST /build'].map(
          (name) => `api POST /v1/jobs > api submit job > worker attempt > worker POST /build > ${name}`,
        ),
        ...['receive payload', 'unpack', ...buildSteps[engine]].map(
          (name) =>
            `api POST /v1/jobs > api submit job > worker attempt > worker POST /build > builder POST /build > builder ${name}`,
        ),
      ].sort(),
    );
    expect(spans.every(({ traceId }) => traceId === caller.traceId)).toBe(true);
    expect(rootsOf(spans)[0]?.parentSpanId).toBe(caller.spanId);
    const find = (service: string, name: string) =>
      spans.find((span) => span.service === `slipway-${service}` && span.name === name) as ExportedSpan;
    expect(find('builder', buildSteps[engine].at(-1) ?? '').attributes['slipway.digest']).toBe(
      job.result?.digest,
    );
    expect(find('builder', 'POST /build').attributes['slipway.digest']).toBe(job.result?.digest);
    expect(find('worker', 'attempt').attributes).toMatchObject({
      'slipway.job.id': job.id,
      'slipway.outcome': 'succeeded',
    });
    expect(find('worker', 'deliver webhook').attributes).toMatchObject({
      'http.response.status_code': 204,
      'server.address': '127.0.0.1',
    });
    for (const span of spans) {
      const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
      expect(span.endNs >= span.startNs).toBe(true);
      expect(span.failed).toBe(false);
      // A job outlives its request, but the spans below an attempt end within it.
      if (parent?.name === 'attempt') expect(parent.endNs >= span.endNs).toBe(true);
    }
    const text = JSON.stringify(spans, (_key, value) => (typeof value === 'bigint' ? String(value) : value));
    for (const hidden of ['unspoken', 'hook-token', stack.token]) expect(text).not.toContain(hidden);
    // The tracestate of the caller is passed on.
    const header = `00-${caller.traceId}-${find('worker', 'deliver webhook').spanId}-01`;
    expect(seen.map(({ traceparent, tracestate }) => [traceparent, tracestate])).toContainEqual(
      tellsReceivers ? [header, 'ci=7'] : [undefined, undefined],
    );
    const log = (name: string) => readFileSync(join(stack.folder, 'logs', `${name}.log`), 'utf8');
    const lines = [log('worker-1'), log('worker-2')].join('\n').split('\n');
    const line = lines.find((each) => each.includes('attempt ended') && each.includes(job.id));
    expect(JSON.parse(line ?? '{}')).toMatchObject({ trace_id: caller.traceId });
    expect(log('builder-1')).toContain(`"trace_id":"${caller.traceId}"`);
  });

  test('of a failed job carry its error code, and are distinct from other traces', async () => {
    refusals = 1;
    const job = await ended(await post<Job>('/v1/jobs', await specOf('broken', 'RUN exit 3')));
    expect(job.error?.code).toBe('build_failed');
    const spans = await whole(job, 2);
    const deliveries = spans.filter(({ name }) => name === 'deliver webhook');
    const statuses = deliveries.map(({ attributes }) => attributes['http.response.status_code']);
    expect(statuses).toEqual([500, 204]);
    expect(deliveries.map(({ failed: isFailed }) => isFailed)).toEqual([true, false]);
    expect(rootsOf(spans)[0]).toMatchObject({ name: 'POST /v1/jobs', parentSpanId: '', failed: false });
    const failed = spans.filter((span) => span.failed).map(({ name }) => name);
    expect(failed).toEqual(expect.arrayContaining(['attempt', 'POST /build', buildSteps[engine][0]]));
    expect(spans.find(({ name }) => name === 'attempt')?.attributes['error.type']).toBe('build_failed');
    // A refused request is not a failed span of the API.
    const refused = await stack.call('/v1/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    expect(refused.status).toBe(400);
    const isRefused = ({ attributes }: ExportedSpan) => attributes['error.type'] === 'json_invalid';
    await expect.poll(() => collector.spans.find(isRefused)).toMatchObject({ failed: false });
  });

  test('of a batch: each job has its own trace, linked to the trace of the batch, which has its own message', async () => {
    const caller = upstream();
    const { callback: _callback, ...one } = await specOf('one');
    const { callback, ...two } = await specOf('two');
    const batch = await post<Batch>(
      '/v1/batches',
      { items: [one, two], callback },
      { traceparent: headerOf(caller) },
    );
    await expect
      .poll(() =>
        collector
          .trace(caller.traceId)
          .map(({ name }) => name)
          .sort(),
      )
      .toEqual(['POST /v1/batches', 'deliver webhook']);
    const { jobs } = (await (await stack.call(`/v1/batches/${batch.id}/jobs`)).json()) as { jobs: Job[] };
    const traces = await Promise.all(jobs.map((job) => whole(job, 0)));
    expect(new Set(traces.map(([first]) => first?.traceId)).size).toBe(2);
    for (const spans of traces) {
      expect(rootsOf(spans)).toMatchObject([{ name: 'submit job', linkedTraces: [caller.traceId] }]);
      expect(new Set(spans.map(({ service }) => service))).toEqual(
        new Set(['slipway-api', 'slipway-worker', 'slipway-builder']),
      );
    }
  });

  // The last test, because it kills a worker.
  test('of a job whose worker was killed continue, and say which worker began the attempt', async () => {
    const { id } = await post<Job>(
      '/v1/jobs',
      await specOf('taken-over', 'RUN echo begun; sleep 3; echo done'),
    );
    const begun = async () => (await (await stack.call(`/v1/jobs/${id}/logs`)).text()).includes('begun');
    await expect.poll(begun).toBe(true);
    const running = (await (await stack.call(`/v1/jobs/${id}`)).json()) as Job;
    const pid = Number(running.attempts[0]?.worker.split('-').at(-2));
    const holder = stack.parts.find((part) => part.pid === pid);
    stack.kill(holder?.name ?? '', 'SIGKILL');
    const job = await ended({ id });
    expect(job.state).toBe('succeeded');
    expect(job.attempts).toMatchObject([{ outcome: 'succeeded', takeovers: 1 }]);
    const spans = await whole(job);
    const [attempt, ...others] = spans.filter(({ name }) => name === 'attempt');
    expect(others).toEqual([]);
    expect(attempt).toMatchObject({
      attributes: { 'slipway.outcome': 'succeeded' },
      failed: false,
      events: [{ name: 'takeover', attributes: { 'slipway.worker.before': running.attempts[0]?.worker } }],
    });
    // The builder's span is below the call of the worker that was killed.
    const inBuilder = spans.filter(
      (span) => span.service === 'slipway-builder' && span.name === 'POST /build',
    );
    expect(inBuilder.map((span) => pathOf(span, spans))).toEqual([
      'api POST /v1/jobs > api submit job > worker attempt > worker POST /build > builder POST /build',
    ]);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
  });
});
