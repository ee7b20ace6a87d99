import { open } from 'node:fs/promises';
import type { ServerHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { SlipwayError } from '@slipway/shared/errors';
import {
  frame,
  GrpcError,
  grpcCodes,
  maxHeaderBytes,
  messagesOf,
  write,
  writeFrame,
} from '../protocol/grpc.js';
import { type FileStat, packet, packetTypes } from '../protocol/messages.js';
import { type ContextListing, isFile } from './context-listing.js';
import type { Handlers } from './session.js';

const pieceBytes = 256 * 1024;
/** Room for the paths that a Dockerfile copies from the context. */
const otherHeaderBytes = 20_000;

interface FileSyncOptions {
  /** The folder of the context, an absolute path. */
  readonly folder: string;
  readonly listing: ContextListing;
}

/**
 * Serves the files of a build context, under any name. The daemon receives the list of the entries that it wants, in the order of a walk.
 * It then asks by index for the content of files that it does not have.
 */
export function fileSync({ folder, listing }: FileSyncOptions): Handlers {
  return {
    '/moby.filesync.v1.FileSync/DiffCopy': async (stream, lines) => {
      const entries = await listing.select({
        include: patternsIn(lines, 'include-patterns'),
        exclude: patternsIn(lines, 'exclude-patterns'),
        follow: patternsIn(lines, 'followpaths'),
      });
      await Promise.all([sendStats(stream, entries), answerRequests(stream, entries, folder)]);
    },
  };
}

/** Throws `ignore_file_invalid` when patterns do not fit into the headers of a request for files. */
export function requireFit(patterns: readonly string[]): void {
  const isAscii = patterns.every((pattern) => /^[\0-\x7f]*$/.test(pattern));
  const sent = isAscii ? patterns : patterns.map(encodeURIComponent);
  // Two bytes for the name of the header, and two for the length of a line.
  const bytes = sent.reduce((sum, line) => sum + line.length + 4, 0);
  if (bytes <= maxHeaderBytes - otherHeaderBytes) return;
  throw new SlipwayError(
    'ignore_file_invalid',
    `The ignore file has ${bytes} bytes of patterns, but BuildKit can send only ${maxHeaderBytes - otherHeaderBytes}.`,
  );
}

/** The daemon encodes values that are not ASCII as in the query of a URL. */
function patternsIn(lines: (header: string) => string[], name: string): string[] {
  const patterns = lines(name);
  const isEncoded = lines(`${name}-encoded`)[0] === '1';
  return isEncoded ? patterns.map((line) => decodeURIComponent(line.replaceAll('+', ' '))) : patterns;
}

async function sendStats(stream: ServerHttp2Stream, entries: readonly FileStat[]): Promise<void> {
  let held: Buffer[] = [];
  let size = 0;
  const flush = async () => {
    await write(stream, Buffer.concat(held));
    held = [];
    size = 0;
  };
  for (const stat of entries) {
    const bytes = frame(packet, { type: packetTypes.stat, stat });
    held.push(bytes);
    size += bytes.length;
    if (size > pieceBytes) await flush();
  }
  held.push(frame(packet, { type: packetTypes.stat }));
  await flush();
}

async function answerRequests(
  stream: ServerHttp2Stream,
  entries: readonly FileStat[],
  folder: string,
): Promise<void> {
  for await (const { type, id, data } of messagesOf(stream, packet)) {
    if (type === packetTypes.request) {
      const entry = entries[id];
      if (entry === undefined || !isFile(entry))
        throw new GrpcError({ code: grpcCodes.unknown, message: `invalid file id ${id}` });
      await sendFile({ stream, id, file: join(folder, entry.path), size: entry.size });
    } else if (type === packetTypes.end) {
      await write(stream, frame(packet, { type: packetTypes.end }));
      return;
    } else if (type === packetTypes.error) {
      throw new GrpcError({
        code: grpcCodes.unknown,
        message: `error from receiver: ${Buffer.from(data).toString()}`,
      });
    }
  }
}

interface SentFile {
  readonly stream: ServerHttp2Stream;
  readonly id: number;
  readonly file: string;
  readonly size: number;
}

async function sendFile({ stream, id, file, size }: SentFile): Promise<void> {
  const end = frame(packet, { type: packetTypes.data, id });
  const handle = await open(file);
  try {
    const memory = Buffer.allocUnsafe(Math.min(size, pieceBytes));
    for (let left = size; left > 0; ) {
      const { bytesRead } = await handle.read(memory, 0, memory.length);
      if (bytesRead === 0) break;
      left -= bytesRead;
      const data = memory.subarray(0, bytesRead);
      await writeFrame(stream, packet, { type: packetTypes.data, id, data });
    }
  } finally {
    await handle.close();
  }
  await write(stream, end);
}
