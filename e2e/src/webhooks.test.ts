import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JobMessage } from '@slipway/shared/contracts';
import type { Fleet } from '@slipway/simulator';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestFleet } from './fleet.js';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let fleet: Fleet;
let url: string;
let close: () => void;
const received: Received[] = [];

beforeAll(async () => {
  fleet = await startTestFleet({ replicas: [{ slots: 2 }], workers: 1 });
  const server = createServer(async (req, res) => {
    const body = Buffer.concat(await req.toArray()).toString('utf8');
    received.push({ headers: req.headers, body });
    res.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  close = () => server.close();
});
afterAll(async () => {
  close();
  await fleet.stop();
});

const post = (path: string, json: object) => fleet.calls.call(path, { method: 'POST', json });
const libraries = { standardwebhooks: StandardWebhook, svix: SvixWebhook };

/** Builds an image, and waits for the message about its end. */
async function messageOf(image: string): Promise<Received> {
  const { body } = await post('/v1/jobs', { image, source: { digest: fleet.source } });
  const { id } = body as { id: string };
  return await expect
    .poll(() => received.find(({ body: text }) => text.includes(id)))
    .toBeDefined()
    .then(() => received.find(({ body: text }) => text.includes(id)) as Received);
}

const verify = (
  Library: (typeof libraries)[keyof typeof libraries],
  secret: string,
  { headers, body }: Received,
) => new Library(secret).verify(body, headers as Record<string, string>) as JobMessage;

describe('a message, checked with the libraries of receivers', () => {
  it('is verified only by its secret, over the received body; during a rotation also by the old secret', async () => {
    const made = await post('/v1/webhooks', { url, events: ['job.succeeded'] });
    const { id, secret } = made.body as { id: string; secret: string };
    const first = await messageOf('registry.test/first:1');
    const rotated = await post(`/v1/webhooks/${id}/rotate`, {});
    const next = (rotated.body as { secret: string }).secret;
    const second = await messageOf('registry.test/second:1');
    const other = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
    for (const Library of Object.values(libraries)) {
      const message = verify(Library, secret, first);
      expect(message).toMatchObject({
        type: 'job.succeeded',
        api_version: 'v1',
        data: { sequence: 3, job: { state: 'succeeded', image: 'registry.test/first:1' } },
      });
      expect(first.headers['webhook-id']).toBe(`msg_${message.data.job.id}_3`);
      expect(verify(Library, next, second)).toEqual(verify(Library, secret, second));
      expect(() => verify(Library, next, first)).toThrow();
      expect(() => verify(Library, other, second)).toThrow();
      expect(() => verify(Library, next, { ...second, body: `${second.body} ` })).toThrow();
      const old = { ...second.headers, 'webhook-timestamp': String(Math.floor(Date.now() / 1000) - 600) };
      expect(() => verify(Library, next, { ...second, headers: old })).toThrow();
    }
    expect(next).not.toBe(secret);
    expect(Buffer.byteLength(second.body)).toBeLessThan(20_000);
  });
});
