import { join } from 'node:path';
import { startProcess } from '../processes/forked.js';
import type { SenderRequests } from '../processes/payload-sender.js';
import type { SinkRequests } from '../processes/payload-sink.js';
import { startS3 } from '../s3.js';
import type { Bench, Figures, Scenario } from '../scenario.js';
import { ingestFolder, openSources, writeFiles } from '../sources.js';

const payloads = 16;
const megabyte = 2 ** 20;
const secret = 'payload-secret';

const about = 'peak memory of a process that signs and sends sixteen payloads of 256 MB at once';

/** `P5` reads files, `P5-s3` reads S3. */
export const p5: readonly Scenario[] = [
  {
    name: 'P5',
    about,
    run: (bench) => measure(bench, join(bench.folder, 'store')),
  },
  {
    name: 'P5-s3',
    about: `${about}, from S3`,
    async run(bench) {
      const s3 = await startS3(bench.folder);
      try {
        return await measure(bench, s3.blobStore);
      } finally {
        await s3.stop();
      }
    },
  },
];

/** `store` is a folder or the URL of a store. */
async function measure({ folder, note }: Bench, store: string): Promise<Figures> {
  const context = join(folder, 'context');
  await writeFiles(context, 1, 256 * megabyte);
  const digest = await ingestFolder(await openSources(store), context);
  note(`${payloads} payloads of one source, each with a configuration of its own`);
  const sink = startProcess<SinkRequests>('payload-sink');
  const sender = startProcess<SenderRequests>('payload-sender');
  try {
    const { port } = await sink.ask('listen', { secret });
    const base = await sender.ask('memory', null);
    const { peakRssMb, seconds } = await sender.ask('send', { store, digest, payloads, port, secret });
    const { bytes, verified } = await sink.ask('received', null);
    if (verified !== payloads) throw new Error(`only ${verified} of ${payloads} payloads arrived whole`);
    return {
      rss_mb: peakRssMb,
      payloads,
      verified,
      base_rss_mb: base,
      seconds,
      mb_per_s: bytes / megabyte / seconds,
    };
  } finally {
    sender.stop();
    sink.stop();
  }
}
