import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { startFleet } from '@slipway/simulator';
import { median } from '../measure.js';
import type { Scenario } from '../scenario.js';
import { openSources, shell, writeFiles } from '../sources.js';

const megabyte = 2 ** 20;
const clients = 8;

export const ingest: Scenario = {
  name: 'ingest',
  about: 'take in 500 small sources one after another, eight at once and over HTTP, and one of 256 MB',

  async run({ folder, note }) {
    const sources = await openSources(join(folder, 'store'));
    note('500 sources of 20 KB in ten files');
    const archives = await smallArchives(folder, 1501);
    const alone: number[] = [];
    const startedAlone = performance.now();
    for (const archive of archives.slice(0, 500)) {
      const started = performance.now();
      await sources.ingest(once(archive));
      alone.push(performance.now() - started);
    }
    const aloneSeconds = (performance.now() - startedAlone) / 1000;
    const rest = archives.slice(500, 1000);
    const startedTogether = performance.now();
    await Promise.all(
      Array.from({ length: clients }, async () => {
        for (let archive = rest.pop(); archive; archive = rest.pop()) await sources.ingest(once(archive));
      }),
    );
    const togetherSeconds = (performance.now() - startedTogether) / 1000;
    note('500 uploads to the API');
    const uploadSeconds = await uploads(archives.slice(1000));
    note('one source of 256 MB');
    await writeFiles(join(folder, 'big'), 1, 256 * megabyte);
    await shell('tar -cf big.tar -C big .', folder);
    const big = await readFile(join(folder, 'big.tar'));
    const startedHash = performance.now();
    createHash('sha256').update(big).digest();
    const hashMs = performance.now() - startedHash;
    const startedBig = performance.now();
    await sources.ingest(pieces(big));
    const bigMs = performance.now() - startedBig;
    return {
      uploads_500_s: uploadSeconds,
      small_500_s: aloneSeconds,
      small_500_by_eight_s: togetherSeconds,
      big_vs_sha256: bigMs / hashMs,
      small_ms: median(alone),
      big_ms: bigMs,
      big_sha256_ms: hashMs,
    };
  },
};

/** Returns the seconds that eight clients need to upload the archives to a running API. */
async function uploads(archives: Buffer[]): Promise<number> {
  const fleet = await startFleet({ replicas: [], workers: 0 });
  try {
    const upload = async (body: Buffer | undefined) => {
      if (!body) return;
      const type = 'application/gzip';
      const answer = await fleet.calls.call('/v1/sources', { method: 'POST', body, type });
      if (answer.status !== 201) throw new Error(`an upload was answered with ${answer.status}`);
    };
    await upload(archives.pop());
    const started = performance.now();
    await Promise.all(
      Array.from({ length: clients }, async () => {
        while (archives.length > 0) await upload(archives.pop());
      }),
    );
    return (performance.now() - started) / 1000;
  } finally {
    await fleet.stop();
  }
}

/** Returns archives as a client sends them: small, compressed and all different. */
async function smallArchives(folder: string, count: number): Promise<Buffer[]> {
  const made: Buffer[] = [];
  const context = join(folder, 'small');
  await writeFiles(context, 10, 2048);
  await shell('tar -cf small.tar -C small .', folder);
  const tar = await readFile(join(folder, 'small.tar'));
  const content = tar.indexOf((await readFile(join(context, 'folder-0', 'file-0'))).subarray(0, 64));
  for (let n = 0; n < count; n++) {
    randomBytes(64).copy(tar, content);
    made.push(gzipSync(tar));
  }
  return made;
}

async function* once(data: Buffer): AsyncGenerator<Buffer> {
  yield data;
}

async function* pieces(data: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += 64 * 1024) yield data.subarray(at, at + 64 * 1024);
}
