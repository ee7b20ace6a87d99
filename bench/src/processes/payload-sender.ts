import { readFileSync } from 'node:fs';
import { Secret } from '@slipway/shared/config';
import { limitWasmCompiler } from '@slipway/shared/lifecycle';
import { signatureHeader } from '@slipway/shared/signing';
import { createPayload } from '@slipway/source';
import { Agent, request } from 'undici';
import { openReader } from '../sources.js';
import { answer } from './forked.js';

export type SenderRequests = {
  /** Answers with the memory before the first payload, in MB. */
  memory: { question: null; answer: number };
  /** Signs and sends payloads of one source all at once; the configuration of each differs. */
  send: {
    question: { store: string; digest: string; payloads: number; port: number; secret: string };
    answer: { peakRssMb: number; seconds: number };
  };
};

// As every service does.
limitWasmCompiler();

answer<SenderRequests>({
  memory: () => process.memoryUsage().rss / 2 ** 20,

  async send({ store, digest, payloads, port, secret }) {
    const started = performance.now();
    const sources = await openReader(store);
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
    return { peakRssMb: peakMemory(), seconds: (performance.now() - started) / 1000 };
  },
});

/**
 * Returns the peak memory of this process, in MB. Linux's `maxRSS` is wrong here: a forked process inherits the peak of
 * its parent.
 */
function peakMemory(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS / 1024;
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  if (!peak) throw new Error('/proc/self/status does not tell the peak memory');
  return Number(peak[1]) / 1024;
}
