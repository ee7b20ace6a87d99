import { createServer, type RequestListener, type Server } from 'node:http';
import {
  type AddressInfo,
  createServer as createSocketServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { Secret } from '@slipway/shared/config';
import { createEgressAgent, parseAllowlist } from '@slipway/shared/egress';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { send } from './send.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function listen(server: Server | TcpServer, host = '127.0.0.1'): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/hook`;
}

async function receiver(listener: RequestListener, host?: string): Promise<string> {
  const server = createServer(listener);
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return await listen(server, host);
}

/** A server that says what it likes. */
async function rawReceiver(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createSocketServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onSocket(socket);
  });
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return await listen(server);
}

function agent(allow = '127.0.0.0/8,::1') {
  const options = { allow: parseAllowlist(allow), connections: 5, connectTimeoutMs: 5_000 };
  const dispatcher = createEgressAgent(options);
  onTestFinished(() => dispatcher.destroy());
  return dispatcher;
}

const post = (url: string, { timeoutMs = 15_000, allow }: { timeoutMs?: number; allow?: string } = {}) =>
  send({
    request: { url, headers: { 'content-type': 'application/json' }, body: '{"a":1}' },
    dispatcher: agent(allow),
    signal: AbortSignal.timeout(timeoutMs),
  });

describe('a request', () => {
  it('sends the body and its headers, and returns the status and the beginning of the answer', async () => {
    const seen: unknown[] = [];
    const url = await receiver(async (req, res) => {
      const body = Buffer.concat(await req.toArray()).toString();
      seen.push([req.method, req.url, req.headers['content-type'], req.headers['user-agent'], body]);
      res.writeHead(202).end('thank you');
    });
    expect(await post(url)).toMatchObject({ status: 202, response: 'thank you' });
    expect(seen).toEqual([['POST', '/hook', 'application/json', 'Slipway', '{"a":1}']]);
  });

  it('goes to IPv6 addresses', async () => {
    const url = await receiver((_req, res) => res.end('six'), '::1');
    expect(await post(url)).toMatchObject({ status: 200, response: 'six' });
  });

  it('follows no redirect', async () => {
    let reached = 0;
    const elsewhere = await receiver((_req, res) => {
      reached++;
      res.end();
    });
    for (const status of [301, 302, 303, 307, 308]) {
      const url = await receiver((_req, res) => res.writeHead(status, { location: elsewhere }).end());
      expect(await post(url)).toMatchObject({ status });
    }
    expect(reached).toBe(0);
  });

  it('hands on the headers of the answer', async () => {
    const url = await receiver((_req, res) => res.writeHead(503, { 'retry-after': '120' }).end());
    expect(await post(url)).toMatchObject({ status: 503, headers: { 'retry-after': '120' } });
  });

  it('reports a time-out when no answer arrives', async () => {
    const url = await receiver(() => undefined);
    expect(await post(url, { timeoutMs: 100 })).toEqual({ error: 'timed_out' });
  });

  it('has the status of an answer whose body takes too long or breaks off', async () => {
    const slow = await receiver((_req, res) => void res.writeHead(200).write('begun'));
    expect(await post(slow, { timeoutMs: 1_500 })).toMatchObject({ status: 200, response: 'begun' });
    const broken = await rawReceiver((socket) =>
      socket.once('data', () =>
        socket.write('HTTP/1.1 500 No\r\ncontent-length: 100\r\n\r\nhalf', () => socket.destroy()),
      ),
    );
    expect(await post(broken)).toMatchObject({ status: 500, response: 'half' });
  });

  it('reads no more than 16 KB of a body that never ends, and cuts it', async () => {
    let written = 0;
    let cut = () => {};
    const wasCut = new Promise<void>((resolve) => {
      cut = resolve;
    });
    const url = await receiver((_req, res) => {
      res.on('close', cut);
      const pour = () => {
        do written += 1_024;
        while (res.write('x'.repeat(1_024)));
        res.once('drain', pour);
      };
      pour();
    });
    const outcome = await post(url);
    expect(outcome).toMatchObject({ status: 200, response: 'x'.repeat(1_024) });
    await wasCut;
    // The rest lies in the buffers of the two sockets.
    expect(written).toBeLessThan(50e6);
  });

  it('makes control characters harmless', async () => {
    const url = await receiver((_req, res) =>
      res.end('\u001b[31mred\u0000\r\n\tok\u009b \u202egnp.exe \u2028\u{1f600}'),
    );
    expect((await post(url)).response).toBe(
      '\ufffd[31mred\ufffd\ufffd\n\tok\ufffd \ufffdgnp.exe \ufffd\u{1f600}',
    );
  });

  it('keeps bytes that are no text from being anything else', async () => {
    const url = await receiver((_req, res) => res.end(Buffer.from([0xff, 0xfe, 0x41, 0xc3])));
    expect((await post(url)).response).toBe('\ufffd\ufffdA\ufffd');
  });

  it('reports a short error for a closed port, no answer, and garbage', async () => {
    expect(await post('http://127.0.0.1:1/hook')).toEqual({ error: 'ECONNREFUSED' });
    const reset = await rawReceiver((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await post(reset)).toEqual({ error: expect.stringMatching(/^(?:ECONNRESET|UND_ERR_SOCKET)$/) });
    const closed = await rawReceiver((socket) => socket.once('data', () => socket.end()));
    expect(await post(closed)).toEqual({ error: 'UND_ERR_SOCKET' });
    const garbage = await rawReceiver((socket) =>
      socket.once('data', () => socket.end('SSH-2.0-OpenSSH\r\n')),
    );
    expect(await post(garbage)).toEqual({ error: expect.stringMatching(/^HPE_|^HTTPParserError$/) });
  });

  it('keeps no token that the answer repeats, not even a part of one', async () => {
    const url = await receiver((req, res) =>
      res.end(`${'x'.repeat(1_010)}you sent ${req.headers.authorization}`),
    );
    const token = new Secret('a-token-of-ours');
    const outcome = await send({
      request: { url, headers: { authorization: `Bearer ${token.reveal()}` }, body: '', token },
      dispatcher: agent(),
      signal: AbortSignal.timeout(5_000),
    });
    expect(outcome.response).toBe(`${'x'.repeat(1_010)}you sent Beare`);
    const short = await receiver((req, res) => res.end(`you sent ${req.headers.authorization}`));
    const repeated = await send({
      request: { url: short, headers: { authorization: `Bearer ${token.reveal()}` }, body: '', token },
      dispatcher: agent(),
      signal: AbortSignal.timeout(5_000),
    });
    expect(repeated.response).toBe('you sent Bearer [token]');
  });

  it('goes to no address that is not allowed', async () => {
    let reached = 0;
    const url = await receiver((_req, res) => {
      reached++;
      res.end();
    });
    expect(await post(url, { allow: '' })).toEqual({ error: 'egress_denied' });
    expect(reached).toBe(0);
  });

  it('says nothing of what was sent when that cannot be sent', async () => {
    const outcome = await send({
      request: {
        url: 'http://127.0.0.1:1',
        headers: { authorization: 'se\ncret' },
        body: '',
      },
      dispatcher: agent(),
      signal: AbortSignal.timeout(1_000),
    });
    expect(outcome).toEqual({ error: 'UND_ERR_INVALID_ARG' });
  });
});
