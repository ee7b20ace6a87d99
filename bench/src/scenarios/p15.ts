import { createReadStream } from 'node:fs';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Secret } from '@slipway/shared/config';
import { createPayload, type SourceStore } from '@slipway/source';
import { median } from '../measure.js';
import { type BenchS3, startS3 } from '../s3.js';
import type { Scenario } from '../scenario.js';
import { openReader, openSources, shell, writeFiles } from '../sources.js';

const megabyte = 2 ** 20;
const rounds = 3;
const smallCount = 100;
/** As `aws s3 cp` has them. */
const partBytes = 8 * megabyte;
const partsAtOnce = 10;

export const p15: Scenario = {
  name: 'P15',
  about: 'upload and assemble a source of 256 MB on S3, against plain PUT and GET of the same bytes',

  async run({ folder, note }) {
    const s3 = await startS3(folder);
    try {
      const sources = await openSources(s3.blobStore);
      const times = { upload: [], put: [], assemble: [], get: [] } as Record<string, number[]>;
      for (let round = -1; round < rounds; round++) {
        note(round < 0 ? 'a source of 256 MB, to warm up' : `round ${round + 1} of ${rounds}`);
        const found = await oneRound({ folder, s3, sources });
        if (round >= 0) for (const [name, ms] of Object.entries(found)) times[name]?.push(ms);
      }
      note(`${smallCount} sources of 20 KB`);
      const small = await smallSources({ folder, s3, sources });
      const [upload = 0, put = 0, assemble = 0, get = 0] = Object.values(times).map(median);
      return {
        vs_plain: (upload + assemble) / (put + get),
        upload_vs_plain: upload / put,
        assemble_vs_plain: assemble / get,
        small_vs_plain: small.upload / small.put,
        upload_ms: upload,
        put_ms: put,
        assemble_ms: assemble,
        get_ms: get,
        small_ms: small.upload / smallCount,
        small_put_ms: small.put / smallCount,
      };
    } finally {
      await s3.stop();
    }
  },
};

interface Side {
  readonly folder: string;
  readonly s3: BenchS3;
  readonly sources: SourceStore;
}

/** Sends and reads one source by both ways. Each round has other bytes, because a store skips what it has. */
async function oneRound({ folder, s3, sources }: Side) {
  await writeFiles(join(folder, 'context'), 1, 256 * megabyte);
  await shell('tar -cf big.tar -C context .', folder);
  const tar = join(folder, 'big.tar');
  let digest = '';
  const upload = await timed(async () => {
    digest = (await sources.ingest(createReadStream(tar, { highWaterMark: 256 * 1024 }))).digest;
  });
  const put = await timed(() => plainPut(s3, tar));
  // As a worker reads a source: once, for the signature and for sending.
  const reader = await openReader(s3.blobStore);
  const assemble = await timed(async () => {
    const layers = [{ digest, at: 'context' }];
    const payload = await createPayload({ sources: reader, layers, config: { image: 'registry.test/x:1' } });
    await payload.sign(new Secret('payload-secret'));
    let sent = 0;
    for await (const chunk of payload.stream()) sent += chunk.length;
    if (sent !== payload.length) throw new Error(`${sent} of ${payload.length} bytes were assembled`);
  });
  const get = await timed(() => plainGet(s3, 'plain'));
  await s3.plain.deleteObject({ Bucket: s3.server.bucket, Key: 'plain' });
  await rm(join(folder, 'context'), { recursive: true });
  return { upload, put, assemble, get };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** A multipart upload from a file, as `aws s3 cp` sends it. */
async function plainPut({ plain, server }: BenchS3, path: string): Promise<void> {
  const object = { Bucket: server.bucket, Key: 'plain' };
  const { size } = await stat(path);
  const { UploadId } = await plain.createMultipartUpload(object);
  const file = await open(path);
  const numbers = Array.from({ length: Math.ceil(size / partBytes) }, (_, at) => at + 1);
  const parts: { PartNumber: number; ETag: string | undefined }[] = [];
  const sender = async () => {
    for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
      const start = (number - 1) * partBytes;
      const Body = Buffer.allocUnsafe(Math.min(partBytes, size - start));
      await file.read(Body, 0, Body.length, start);
      const { ETag } = await plain.uploadPart({ ...object, UploadId, PartNumber: number, Body });
      parts.push({ PartNumber: number, ETag });
    }
  };
  try {
    await Promise.all(Array.from({ length: partsAtOnce }, sender));
  } finally {
    await file.close();
  }
  const Parts = parts.sort((a, b) => a.PartNumber - b.PartNumber);
  await plain.completeMultipartUpload({ ...object, UploadId, MultipartUpload: { Parts } });
}

async function plainGet({ plain, server }: BenchS3, key: string): Promise<void> {
  const { Body } = await plain.getObject({ Bucket: server.bucket, Key: key });
  for await (const chunk of Body as Readable) void chunk;
}

/** Uploads small sources one after another, and the bytes of the same archives as one object each. */
async function smallSources({ folder, s3, sources }: Side) {
  const [upload, put] = [[], []] as [number[], number[]];
  for (let n = 0; n < smallCount; n++) {
    const context = join(folder, `small-${n}`);
    await writeFiles(context, 1, 20_000);
    await shell(`tar -cf small.tar -C ${context} .`, folder);
    const tar = await readFile(join(folder, 'small.tar'));
    upload.push(await timed(() => sources.ingest(createReadStream(join(folder, 'small.tar')))));
    put.push(
      await timed(() => s3.plain.putObject({ Bucket: s3.server.bucket, Key: `small-${n}`, Body: tar })),
    );
    await rm(context, { recursive: true });
  }
  const sum = (times: number[]) => median(times) * smallCount;
  return { upload: sum(upload), put: sum(put) };
}
