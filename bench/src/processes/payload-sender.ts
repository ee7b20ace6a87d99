import { Secret } from '@slipway/shared/config';
import { signatureHeader } from '@slipway/shared/signing';
import { createPayload } from '@slipway/shared/source';
import { Agent, request } from 'undici';
import { openSources } from '../sources.js';
import { answer } from './forked.js';

export type SenderRequests = {
  /** Memory before anything is done, in MB. */
  memory: { question: null; answer: number };
  /** Signs and sends payloads of one source all at once; the configuration of each differs. */
  send: {
    question: { store: string; digest: string; payloads: number; port: number; secret: string };
    answer: { peakRssMb: number; seconds: number };
  };
};

answer<SenderRequests>({
  memory: () => process.memoryUsage().rss / 2 ** 20,

  async send({ store, digest, payloads, port, secret }) {
    const started = performance.now();
    const sources = await openSources(store);
    const dispatcher = new Agent();
    const sendOne = async (_: unknown, n: number) => {
      const payload = await createPayload({
        sources,
        layers: [{ digest, at: 'context' }],
        config: { image: `registry.test/function-${n}:latest` },
      });
      const signature = await payload.sign(new Secret(secret));
      const { statusCode, body } = await request(`http://127.0.0.1:${port}/build`, {
        method: 'POST',
        headers: { [signatureHeader]: signature, 'content-length': String(payload.length) },
        body: payload.stream() as never,
        dispatcher,
      });
      await body.dump();
      if (statusCode !== 200) throw new Error(`the sink answered ${statusCode}`);
    };
    await Promise.all(Array.from({ length: payloads }, sendOne));
    await dispatcher.close();
    // The peak of the process's life, which Linux and macOS give in KB.
    return {
      peakRssMb: process.resourceUsage().maxRSS / 1024,
      seconds: (performance.now() - started) / 1000,
    };
  },
});
