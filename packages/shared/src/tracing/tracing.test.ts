import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Env, readEnv } from '../config/fields.js';
import { tracingConfig } from '../config/tracing.js';
import { SlipwayError } from '../errors/index.js';
import { createLogger } from '../logger/index.js';
import { type TraceSpan, traceContextOf, traceHeaders } from './index.js';
import { openTracing } from './open.js';

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly traceState?: string;
  readonly status: { readonly code: number };
  readonly links?: readonly { readonly spanId: string }[];
}
interface Posted {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
}

/** Starts a receiver of OTLP in JSON. It answers nothing while it is `held`. */
async function startReceiver(held: Promise<void> = Promise.resolve()) {
  const requests: { headers: Record<string, unknown>; body: Buffer }[] = [];
  const server = createServer(async (req, res) => {
    requests.push({ headers: req.headers, body: Buffer.concat(await req.toArray()) });
    await held;
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans: () =>
      requests.flatMap(({ body }) =>
        (JSON.parse(body.toString()) as Posted).resourceSpans.flatMap(({ scopeSpans }) =>
          scopeSpans.flatMap(({ spans }) => spans),
        ),
      ),
  };
}

async function open(url: string, env: Env = {}, flushMs = 5_000) {
  const logged: string[] = [];
  const destination = { write: (line: string) => void logged.push(line) };
  const handle = await openTracing({
    config: readEnv(
      { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', ...env },
      tracingConfig,
    ),
    service: 'test',
    logger: () => createLogger({ name: 'test', level: 'info', destination }),
    flushMs,
  });
  return { ...handle, logged };
}

const trace = 'a'.repeat(32);
const parent = 'b'.repeat(16);
const begins = 'alone';

describe('spans', () => {
  it('belong to the active one, across any waits', async () => {
    const receiver = await startReceiver();
    const { tracing, close } = await open(receiver.url);
    await tracing.span({ name: 'outer', begins }, async (outer) => {
      await new Promise(setImmediate);
      expect(tracing.current()).toBe(outer.context);
      expect(tracing.logFields()?.trace_id).toBe(outer.context?.split('-')[1]);
      await Promise.all(
        ['a', 'b'].map((name) => tracing.span({ name }, async () => new Promise(setImmediate))),
      );
    });
    expect(tracing.current()).toBeUndefined();
    await close();
    const [a, b, outer] = receiver.spans();
    expect([a?.name, b?.name, outer?.name]).toEqual(['a', 'b', 'outer']);
    expect([a?.parentSpanId, b?.parentSpanId]).toEqual([outer?.spanId, outer?.spanId]);
  });

  it('start a trace only where allowed', async () => {
    const receiver = await startReceiver();
    const { tracing, close } = await open(receiver.url);
    expect(tracing.start({ name: 'inner' }).context).toBeUndefined();
    const linking = tracing.start({ name: 'request', begins });
    linking.during(() => tracing.start({ name: 'linked', begins: 'linked' })).end();
    linking.end();
    await close();
    const [linked, request] = receiver.spans();
    expect(linked).toMatchObject({ name: 'linked', links: [{ spanId: request?.spanId }] });
    expect(linked?.traceId).not.toBe(request?.traceId);
  });

  it.each([
    ['continues', `00-${trace}-${parent}-01`, trace],
    ['continues with state', `00-${trace}-${parent}-01 a=1,b=2`, trace],
    ['continues for a later version', `cc-${trace}-${parent}-01-more`, trace],
    ['is new for an invalid one', `00-${trace}-${'0'.repeat(16)}-01`, undefined],
    ['is new for one with a suffix', `00-${trace}-${parent}-01-more`, undefined],
    ['is new for a forbidden version', `ff-${trace}-${parent}-01`, undefined],
    ['is new for upper case', `00-${trace.toUpperCase()}-${parent}-01`, undefined],
    ['is new for anything else', 'x'.repeat(10_000), undefined],
  ])('a trace from elsewhere %s', async (_how, context, expected) => {
    const receiver = await startReceiver();
    const { tracing, close } = await open(receiver.url);
    const span = tracing.start({ name: 'continued', begins, parent: context });
    span.end();
    await close();
    const [exported] = receiver.spans();
    if (expected === undefined) expect(exported?.traceId).not.toBe(trace);
    else expect(exported).toMatchObject({ traceId: expected, parentSpanId: parent });
    expect(span.context?.split(' ')[1]).toBe(expected && context.split(' ')[1]);
    expect(span.context?.length).toBeLessThan(600);
  });

  it('drop state that is too long', async () => {
    const { tracing, close } = await open('http://127.0.0.1:9');
    const state = Array.from({ length: 30 }, (_, at) => `k${at}=${'v'.repeat(30)}`).join();
    const span = tracing.start({ name: 'x', begins, parent: `00-${trace}-${parent}-00 ${state}` });
    expect(span.context).toMatch(/^00-a{32}-[\da-f]{16}-00$/);
    await close();
  });

  it('do not exist if the caller does not sample them, nor do those linked to them', async () => {
    const receiver = await startReceiver();
    const { tracing, close } = await open(receiver.url);
    const span = tracing.start({ name: 'request', begins, parent: `00-${trace}-${parent}-00` });
    expect(span.during(() => tracing.start({ name: 'linked', begins: 'linked' })).context).toBeUndefined();
    expect(span.during(() => tracing.start({ name: 'inner' })).context).toMatch(
      new RegExp(`^00-${trace}-.*-00$`),
    );
    span.end();
    await close();
    expect(receiver.requests).toEqual([]);
  });

  it('have the code of their failure, but not the message', async () => {
    const receiver = await startReceiver();
    const { tracing, close } = await open(receiver.url);
    const work = () => Promise.reject(new SlipwayError('push_failed', 'secret detail'));
    await expect(tracing.span({ name: 'push', begins }, work)).rejects.toThrow('secret detail');
    await close();
    expect(receiver.spans()).toMatchObject([{ status: { code: 2 } }]);
    expect(receiver.requests[0]?.body.toString()).toContain('push_failed');
    expect(receiver.requests[0]?.body.toString()).not.toContain('secret');
  });

  it('have their chosen id, and no other span has it', async () => {
    const { tracing, close } = await open('http://127.0.0.1:9');
    const ids = (span: TraceSpan) => span.context?.split('-')[2];
    expect(ids(tracing.start({ name: 'x', begins, id: 'c'.repeat(16) }))).toBe('c'.repeat(16));
    expect(ids(tracing.start({ name: 'y', begins }))).not.toBe('c'.repeat(16));
    await close();
  });

  it('are sampled as configured', async () => {
    const { tracing, close } = await open('http://127.0.0.1:9', { OTEL_TRACES_SAMPLER: 'always_off' });
    expect(tracing.start({ name: 'x', begins, parent: `00-${trace}-${parent}-01` }).context).toMatch(/-00$/);
    await close();
  });

  it('are exported as protobuf by default, with the headers', async () => {
    const receiver = await startReceiver();
    const env = { OTEL_EXPORTER_OTLP_PROTOCOL: '', OTEL_EXPORTER_OTLP_HEADERS: 'x-key=1' };
    const { tracing, close } = await open(receiver.url, env);
    tracing.start({ name: 'the only span', begins }).end();
    await close();
    const [request] = receiver.requests;
    expect(request?.headers).toMatchObject({ 'content-type': 'application/x-protobuf', 'x-key': '1' });
    for (const text of ['the only span', 'service.name', 'slipway-test'])
      expect(request?.body.includes(text)).toBe(true);
  });
});

describe('a collector', () => {
  it('that hangs blocks nothing, and the queue of spans stays bounded', async () => {
    let release = () => {};
    const receiver = await startReceiver(
      new Promise((resolve) => {
        release = resolve;
      }),
    );
    const env = { OTEL_BSP_MAX_QUEUE_SIZE: '20', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10' };
    const { tracing, close } = await open(receiver.url, env);
    const spans = (count: number) => {
      for (let made = 0; made < count; made++) tracing.start({ name: 'x', begins }).end();
    };
    spans(10);
    await expect.poll(() => receiver.requests.length).toBe(1);
    spans(1_000);
    release();
    await close();
    expect(receiver.spans().length).toBeGreaterThanOrEqual(20);
    expect(receiver.spans().length).toBeLessThanOrEqual(30);
  });

  it('that never answers does not keep a process from ending', async () => {
    const receiver = await startReceiver(new Promise(() => {}));
    const { tracing, close } = await open(receiver.url, { OTEL_EXPORTER_OTLP_TIMEOUT: '600000' }, 50);
    tracing.start({ name: 'x', begins }).end();
    await close();
    expect(receiver.requests.length).toBeLessThanOrEqual(1);
  });

  it('that is unreachable is logged once, not for every export', async () => {
    const env = { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1', OTEL_EXPORTER_OTLP_TIMEOUT: '100' };
    const { tracing, close, logged } = await open('http://127.0.0.1:9', env);
    for (let made = 0; made < 5; made++) tracing.start({ name: 'x', begins }).end();
    await close();
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([{ msg: 'spans could not be exported' }]);
  });
});

describe('headers', () => {
  it('carry a context in both directions', () => {
    for (const context of [`00-${trace}-${parent}-01`, `00-${trace}-${parent}-01 a=1, b=2`]) {
      expect(traceContextOf(traceHeaders(context))).toBe(context);
    }
    expect(traceHeaders(undefined)).toEqual({});
    expect(traceContextOf({ tracestate: 'a=1' })).toBeUndefined();
  });
});
