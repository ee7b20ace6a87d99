import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SlipwayError } from '@slipway/shared/errors';
import { noTracing } from '@slipway/shared/tracing';
import type { Payload } from '@slipway/source';
import { Agent } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { callBuilder } from './call.js';

const content = Buffer.from('payload');
const payload = {
  length: content.length,
  async *stream() {
    yield content;
  },
} as Payload;

/** A replica that answers with NDJSON, and what of its connections has come and gone. */
async function startReplica(
  answer: (res: ServerResponse) => void,
  { status = 200, type = 'application/x-ndjson' } = {},
) {
  let opened = 0;
  let closed = () => {};
  const firstClosed = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const server = createServer(async (req, res) => {
    // A payload may break off.
    await req.toArray().catch(() => []);
    res.writeHead(status, { 'content-type': type });
    answer(res);
  });
  server.on('connection', (socket) => {
    opened++;
    socket.once('close', closed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const dispatcher = new Agent({ connections: 1 });
  onTestFinished(async () => {
    await dispatcher.destroy();
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const call = (sent: Payload = payload) =>
    callBuilder({
      url,
      image: 'r.example/a:1',
      payload: sent,
      signature: 'sha256=00',
      needsIsolation: false,
      needsFeature: undefined,
      timeoutMs: 60_000,
      signal: new AbortController().signal,
      dispatcher,
      kept: undefined,
      onBegun: () => undefined,
      onLog: () => undefined,
      onDraining: () => undefined,
      traceContext: undefined,
      tracing: noTracing,
    });
  return { call, opened: () => opened, firstClosed };
}

const lastLine = '{"status":"success","image":"r.example/a:1"}\n';

describe('a call of a replica', () => {
  it('reports the fault of a payload that breaks off, not the answer of the replica to it', async () => {
    const { call } = await startReplica((res) => res.end('{"code":"body_incomplete"}'), { status: 400 });
    const breaking = {
      length: 2 * content.length,
      async *stream() {
        yield content;
        throw new SlipwayError('storage_unavailable');
      },
    } as unknown as Payload;
    await expect(call(breaking)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  const json = (status: number, type = 'application/json') => ({ status, type });
  const refusal = (code: string) => JSON.stringify({ status: 'failed', error: 'why', code, log: [] });

  it.each(['build_failed', 'push_unauthorized'])(
    'reads a build that failed with %s from a 500',
    async (code) => {
      const { call } = await startReplica((res) => res.end(refusal(code)), json(500));
      expect(await call()).toEqual({ status: 'failed', code, detail: 'why' });
    },
  );

  it.each([
    [422, 'source_path_unsafe', 'source_path_unsafe'],
    [400, 'body_incomplete', 'builder_lost'],
    [401, 'signature_invalid', 'signature_rejected'],
    [429, 'builder_busy', 'builder_busy'],
    [503, 'builder_draining', 'builder_draining'],
    [503, 'engine_unreachable', 'engine_unreachable'],
    // Without a reason of a builder: a proxy, or a replica of others.
    [503, 'draining', 'builder_unreachable'],
    [502, 'builder_draining', 'builder_unreachable'],
  ])('takes a %i in plain JSON (%s) for %s, with its words', async (status, code, expected) => {
    const { call } = await startReplica((res) => res.end(refusal(code)), json(status));
    const message = `The builder answered ${status}: why`;
    await expect(call()).rejects.toMatchObject({ code: expected, message });
  });

  it('reads the problems of older builders', async () => {
    const problem = JSON.stringify({ type: 'x', status: 422, code: 'image_invalid', detail: 'why' });
    const { call } = await startReplica((res) => res.end(problem), json(422, 'application/problem+json'));
    await expect(call()).rejects.toMatchObject({
      code: 'image_invalid',
      message: 'The builder answered 422: why',
    });
  });

  it('leaves a connection for the next, also when an answer ends after its last line', async () => {
    let end = () => {};
    const { call, opened } = await startReplica((res) => {
      res.write(lastLine);
      end = () => res.end();
    });
    for (let round = 0; round < 3; round++) {
      expect(await call()).toMatchObject({ status: 'success' });
      end();
    }
    expect(opened()).toBe(1);
  });

  it('breaks off an answer that does not end after its last line', async () => {
    const { call, firstClosed } = await startReplica((res) => res.write(lastLine));
    expect(await call()).toMatchObject({ status: 'success' });
    await firstClosed;
  });

  it('breaks off an answer that cannot be read', async () => {
    const { call, firstClosed } = await startReplica((res) => res.write('no JSON\n'));
    await expect(call()).rejects.toMatchObject({ code: 'builder_protocol' });
    await firstClosed;
  });

  it('leaves the process alone when one that cannot be read has already come to its end', async () => {
    const { call, firstClosed } = await startReplica((res) => res.end(`no JSON\n${lastLine}`));
    await expect(call()).rejects.toMatchObject({ code: 'builder_protocol' });
    await firstClosed;
  });
});
