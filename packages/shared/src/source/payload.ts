import type { Secret } from '../config/index.js';
import { type BuilderConfig, configEntry, contextFolder } from '../contracts/index.js';
import { SlipwayError } from '../errors/index.js';
import { formatSignature, payloadHmac } from '../signing/index.js';
import { entriesLength, planLayers, type Segment } from './payload-plan.js';
import { type OpenLayer, PayloadReader } from './payload-reader.js';
import { PrefixStamp } from './prefix-stamp.js';
import type { SourceEntry, SourceStore } from './source-store.js';
import { encodeFile } from './tar-encoder.js';
import { endOfArchive } from './tar-format.js';

export interface PayloadLayer {
  readonly digest: string;
  /** The folder of the payload that it is laid at: `context`, or one below it of 155 bytes at most. */
  readonly at: string;
}

export interface PayloadOptions {
  readonly sources: SourceStore;
  /** A path of a later layer shadows the same path of an earlier one. */
  readonly layers: readonly PayloadLayer[];
  readonly config: BuilderConfig;
  /** `com.openfaas.secrets`, sealed. */
  readonly secrets?: Uint8Array;
}

/** The body of a `POST /build` (protocol.md). The same options give the same bytes, however often they are asked for. */
export interface Payload {
  /** Bytes. */
  readonly length: number;
  /** `sha256=<hex>`, the value of X-Build-Signature. */
  sign(secret: Secret, options?: { signal?: AbortSignal }): Promise<string>;
  stream(): AsyncGenerator<Buffer>;
}

const secretsEntry = 'com.openfaas.secrets';

/** Large enough that the disk and the HMAC, or the socket, seldom wait for one another; small enough for dozens at once. */
const chunkBytes = 512 * 1024;
const chunksAhead = 2;

/**
 * Makes the payload of a build from stored sources: the layers below `context`, then `com.openfaas.secrets` if there are any,
 * then `com.openfaas.docker.config`. Nothing is unpacked; memory does not grow with the size. Throws `source_not_found` for a
 * layer that is not stored, `source_link_unsafe` when layers together make a link that leaves the context, and a RangeError for
 * a folder outside of it.
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

  /** The payload in chunks, the next ones read while one is used; `allocate` says into what. */
  async function* chunks(allocate: () => Buffer): AsyncGenerator<Buffer> {
    const open: OpenLayer[] = [];
    const ahead: Promise<Buffer>[] = [];
    try {
      for (const layer of layers) open.push(await openLayer(sources, layer));
      const reader = new PayloadReader({ segments, layers: open });
      const readNext = async () => {
        const buffer = allocate();
        return buffer.subarray(0, await reader.fill(buffer));
      };
      let unread = length;
      const readAhead = () => {
        for (; unread > 0 && ahead.length < chunksAhead; unread -= chunkBytes) {
          const next = readNext();
          // Whoever takes the chunk is told; until then a failure is no unhandled one.
          next.catch(() => {});
          ahead.push(next);
        }
      };
      readAhead();
      for (let chunk = await ahead.shift(); chunk; chunk = await ahead.shift()) {
        readAhead();
        yield chunk;
      }
    } finally {
      await Promise.allSettled(ahead);
      await Promise.all(open.map(({ tar }) => tar.close()));
    }
  }

  return {
    length,

    async sign(secret, { signal } = {}) {
      const hmac = payloadHmac(secret);
      const buffers: Buffer[] = [];
      const inTurn = () => {
        const buffer = buffers.length > chunksAhead ? (buffers.shift() as Buffer) : newBuffer(length);
        buffers.push(buffer);
        return buffer;
      };
      for await (const chunk of chunks(inTurn)) {
        signal?.throwIfAborted();
        hmac.update(chunk);
      }
      return formatSignature(hmac);
    },

    stream: () => chunks(() => newBuffer(length)),
  };
}

interface LoadedLayer extends PayloadLayer {
  readonly entries: readonly SourceEntry[];
  /** Of the stored tar. */
  readonly bytes: number;
  readonly stamp: PrefixStamp;
}

async function loadLayer(sources: SourceStore, { digest, at }: PayloadLayer): Promise<LoadedLayer> {
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

async function openLayer(sources: SourceStore, { digest, bytes, stamp }: LoadedLayer): Promise<OpenLayer> {
  const tar = await sources.openTar(digest);
  if (tar === undefined) throw notFound(digest);
  if (tar.bytes === bytes) return { tar, stamp };
  await tar.close();
  throw new Error(`the stored tar of ${digest} does not fit its manifest`);
}

function notFound(digest: string): SlipwayError {
  return new SlipwayError('source_not_found', `No source has the digest ${digest}.`);
}

/** No larger than the payload, in whole blocks as that is. */
function newBuffer(length: number): Buffer {
  return Buffer.allocUnsafe(Math.min(chunkBytes, length));
}
