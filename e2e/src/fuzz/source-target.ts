import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import type { BlobStore } from '@slipway/shared/blobs';
import { SlipwayError } from '@slipway/shared/errors';
import { hostileArchives, hostilePayloads } from '@slipway/source/hostile';
import { memoryBlobs } from './memory-blobs.js';

const limits = { maxArchiveBytes: 1e6, maxBytes: 1e6, maxFiles: 200, maxRatio: 100 };
/** Inputs of the fuzzer's size take less than a tenth of this time. */
const maxMs = 5_000;

/** Inputs to begin with: the small ones of the corpus. */
export const sourceSeeds = (): Buffer[] => [
  ...hostileArchives().map(({ archive }) => archive),
  ...hostilePayloads().map(({ payload }) => payload),
];

/**
 * Returns a function that checks one input as a source. The source is refused with a code and leaves nothing, or it is stored and its normal form
 * is stored again under the same digest. The input has the same result when it is sent in small pieces, packed, or in the context of a payload.
 */
export async function sourceTarget(): Promise<(input: Buffer) => Promise<void>> {
  // Loaded here, after the coverage has begun.
  const { createSourceStore } = await import('@slipway/source');
  return async (input) => {
    const blobs = memoryBlobs();
    const sources = createSourceStore({ blobs, limits });
    const started = performance.now();
    const whole = await outcome(() => sources.ingest(pieces(input, input.length)));
    if (isDigest(whole)) await checkNormalForm(sources, blobs, whole);
    else checkRefusal(whole, blobs);
    const crumbs = await outcome(() => sources.ingest(pieces(input, 509)));
    same('in crumbs', whole, crumbs);
    const isPacked = input[0] === 0x1f && input[1] === 0x8b;
    if (!isPacked)
      same('packed', whole, await outcome(() => sources.ingest(pieces(gzipSync(input, { level: 1 }), 4096))));
    await outcome(() => sources.ingestPayload(pieces(input, 4096)));
    const ms = performance.now() - started;
    if (ms > maxMs) throw new Error(`it took ${Math.round(ms / 1_000)} seconds`);
  };

  /** Returns the digest or the error code. Any other error is a finding. */
  async function outcome(take: () => Promise<{ digest: string }>): Promise<string> {
    try {
      return (await take()).digest;
    } catch (error) {
      if (error instanceof SlipwayError && /^(?:source_|body_|request_invalid)/.test(error.code))
        return error.code;
      throw error;
    }
  }

  type Store = ReturnType<typeof createSourceStore>;
  async function checkNormalForm(sources: Store, blobs: BlobStore, digest: string): Promise<void> {
    const manifest = await sources.manifest(digest);
    for (const { path } of manifest?.entries ?? []) {
      if (
        path.startsWith('/') ||
        path.split('/').some((part) => ['', '.', '..'].includes(part)) ||
        path.includes('\0')
      )
        throw new Error('a path of the normal form is not normal');
    }
    const tar = await sources.streamTar(digest);
    if (!tar) throw new Error('what was taken is not stored');
    const again = createSourceStore({ blobs: memoryBlobs(), limits: { ...limits, maxArchiveBytes: 1e8 } });
    same('as its normal form', digest, await outcome(() => again.ingest(tar)));
    const stored = await text(
      (await blobs.stream(`sources/${digest.slice(7)}.json`)) as NonNullable<typeof tar>,
    );
    if (JSON.parse(stored).version !== 1) throw new Error('the manifest is none');
  }

  function checkRefusal(code: string, blobs: ReturnType<typeof memoryBlobs>): void {
    if (blobs.kept() > 0) throw new Error(`something is kept of what was refused as ${code}`);
  }
}

const isDigest = (outcome: string) => outcome.startsWith('sha256:');

function same(how: string, expected: string, found: string): void {
  // The pieces decide when a limit is reached. Other results must not depend on them.
  const isLimit = (code: string) => /too_large|ratio|too_many/.test(code);
  if (expected !== found && !isLimit(expected) && !isLimit(found))
    throw new Error(
      `${how} it is ${isDigest(found) ? 'taken' : found}, else ${isDigest(expected) ? 'taken' : expected}`,
    );
}

async function* pieces(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}
