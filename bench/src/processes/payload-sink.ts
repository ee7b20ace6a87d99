import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret } from '@slipway/shared/config';
import { payloadHmac, signatureHeader, signatureMatches } from '@slipway/shared/signing';
import { answer } from './forked.js';

export type SinkRequests = {
  /** Listens, and answers with the port. */
  listen: { question: { secret: string }; answer: { port: number } };
  /** Counts the bytes received so far, and the payloads with a valid signature. */
  received: { question: null; answer: { bytes: number; verified: number } };
};

const received = { bytes: 0, verified: 0 };

answer<SinkRequests>({
  async listen({ secret }) {
    const key = new Secret(secret);
    const server = createServer(async (req, res) => {
      const hmac = payloadHmac(key);
      for await (const chunk of req) {
        hmac.update(chunk);
        received.bytes += chunk.length;
      }
      const header = req.headers[signatureHeader];
      if (typeof header === 'string' && signatureMatches(header, hmac)) received.verified++;
      res.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: (server.address() as AddressInfo).port };
  },
  received: () => received,
});
