import type { Secret } from '@slipway/shared/config';
import { type BuilderConfig, configEntry, contextFolder, secretsEntry } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { formatSignature, payloadHmac } from '@slipway/shared/signing';
import { ChunkPool } from './chunk-pool.js';
import { entriesLength, planLayers, type Segment } from './payload-plan.js';
import { type OpenLayer, PayloadReader } from './payload-reader.js';
import { PrefixStamp } from './prefix-stamp.js';
import type { SourceEntry, SourceReader } from './source-store.js';
import { encodeFile } from './tar-encoder.js';
import { endOfArchive } from './tar-format.js';

export interface PayloadLayer {
  readonly digest: string;
  /** The folder of the layer in the payload: `context`, or one below it of at most 155 bytes. */
  readonly at: string;
}

export interface PayloadOptions {
  readonly sources: SourceReader;
  /** The layers. A path of a later one shadows the same path of an earlier one. */
  readonly layers: readonly PayloadLayer[];
  readonly config: BuilderConfig;
  /** `com.openfaas.secrets`, sealed. */
  readonly secrets?: Uint8Array;
}

/** The body of a `POST /build` (protocol.md). The same options always give the same bytes. */
export interface Payload {
  /** Length in bytes. */
  readonly length: number;
  /** Returns `sha256=<hex>`, the value of X-Build-Signature. */
  sign(secret: Secret, options?: { signal?: AbortSignal }): Promise<string>;
  /**
   * Yields the payload in chunks that are reused: a chunk is overwritten when the caller requests the second one after it. Use a
   * sink that waits until each chunk is consumed, such as undici with the body of a request, or `Readable.from` outside object
   * mode. Do not collect the chunks in an array.
   */
  stream(): AsyncGenerator<Buffer>;
}

/** Payloads up to this size are read once and kept for the second pass, because opening files costs more. */
const smallBytes = 64 * 1024;

interface PassOptions {
  /** Chunks that are read while the caller holds `lent` of them. */
  readonly ahead: number;
  readonly lent: number;
  /** True if the caller still holds the last chunks when the pass ends, such as a socket that is being written. */
  readonly keepsLast: boolean;
}

const whenSigning: PassOptions = { ahead: 2, lent: 1, keepsLast: false };
const whenSending: PassOptions = { ahead: 1, lent: 2, keepsLast: true };

/** All payloads of this process share it. */
const chunkPool = new ChunkPool({ bytes: 4 * 1024 * 1024 });

/**
 * Creates the payload of a build from stored sources: the layers below `context`, then `com.openfaas.secrets` if any, then
 * `com.openfaas.docker.config`. Unpacks nothing, and its memory does not grow with the size. Throws `source_not_found` for a layer
 * that is not stored, and a RangeError for a folder outside the context.
 */
export async function createPayload(options: PayloadOptions): Promise<Payload> {
  const { sources, config, secrets } = options;
  const layers = await Promise.all(options.layers.map((layer) => loadLayer(sources, layer)));
  const tail = [
    ...(secrets ? [encodeFile(secretsEntry, secrets)] : []),
    encodeFile(configEntry, Buffer.from(JSON.stringify(config))),
    endOfArchive,
  ];
  const segments: readonly Segment[] = [...planLayers(layers), { made: Buffer.concat(tail) }];
  const length = segments.reduce((sum, s) => sum + ('made' in s ? s.made.length : s.end - s.start), 0);

  async function* chunks({ ahead, lent, keepsLast }: PassOptions): AsyncGenerator<Buffer> {
    const open: OpenLayer[] = [];
    const buffers: Buffer[] = [];
    const reads: Promise<Buffer>[] = [];
    try {
      for (const layer of layers) open.push(await openLayer(sources, layer));
      const reader = new PayloadReader({ segments, layers: open });
      let unread = length;
      const readAhead = () => {
        while (unread > 0 && reads.length < ahead) {
          const oldest = buffers.length === ahead + lent ? buffers.shift() : undefined;
          const buffer = oldest ?? chunkPool.take(length);
          buffers.push(buffer);
          const next = reader.fill(buffer).then((bytes) => buffer.subarray(0, bytes));
          // The consumer of the chunk receives the error. Until then it must not count as an unhandled rejection.
          next.catch(() => {});
          reads.push(next);
          unread -= buffer.length;
        }
      };
      readAhead();
      for (let chunk = await reads.shift(); chunk; chunk = await reads.shift()) {
        readAhead();
        yield chunk;
      }
    } finally {
      await Promise.allSettled(reads);
      if (keepsLast) chunkPool.leave(buffers);
      else chunkPool.giveBack(buffers);
      await Promise.all(open.map(({ tar }) => tar.close()));
    }
  }

  let whole: Promise<Buffer> | undefined;
  const passes = (pass: PassOptions) => {
    if (length > smallBytes) return chunks(pass);
    // A failed pass must not answer the next one.
    whole ??= collect(chunks(pass)).catch((error: unknown) => {
      whole = undefined;
      throw error;
    });
    return single(whole);
  };

  return {
    length,

    async sign(secret, { signal } = {}) {
      const hmac = payloadHmac(secret);
      for await (const chunk of passes(whenSigning)) {
        signal?.throwIfAborted();
        hmac.update(chunk);
      }
      return formatSignature(hmac);
    },

    stream: () => passes(whenSending),
  };
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

async function* single(whole: Promise<Buffer>): AsyncGenerator<Buffer> {
  yield await whole;
}

interface LoadedLayer extends PayloadLayer {
  readonly entries: readonly SourceEntry[];
  /** Bytes of the stored tar. */
  readonly bytes: number;
  readonly stamp: PrefixStamp;
}

async function loadLayer(sources: SourceReader, { digest, at }: PayloadLayer): Promise<LoadedLayer> {
  const [first, ...below] = at.split('/');
  if (first !== contextFolder || below.some((part) => part === '' || part === '.' || part === '..')) {
    throw new RangeError(`not a folder of the context: ${at}`);
  }
  const manifest = await sources.manifest(digest);
  if (manifest === undefined) throw notFound(digest);
  const { entries } = manifest;
  const bytes = entriesLength(entries) + endOfArchive.length;
  return { digest, at, entries, bytes, stamp: new PrefixStamp({ folder: at }) };
}

async function openLayer(sources: SourceReader, { digest, bytes, stamp }: LoadedLayer): Promise<OpenLayer> {
  const tar = await sources.openTar(digest);
  if (tar === undefined) throw notFound(digest);
  if (tar.bytes === bytes) return { tar, stamp };
  await tar.close();
  throw new SlipwayError('source_damaged', `The stored tar of ${digest} does not match its manifest.`);
}

function notFound(digest: string): SlipwayError {
  return new SlipwayError('source_not_found', `No source has the digest ${digest}.`);
}
