import { logPartKey } from './blob.js';
import { type LogSources, linesOf } from './reader.js';

/** Lines that a writer keeps for the end of the log in the error of a job. */
export const tailLines = 50;

/** The parts of a running attempt's log that the blob store has. */
export interface StoredLog {
  readonly parts: number;
  readonly lines: number;
  readonly bytes: number;
  /** The last lines, up to 50. */
  readonly tail: readonly string[];
}

export const nothingStored: StoredLog = { parts: 0, lines: 0, bytes: 0, tail: [] };

/**
 * Reads the stored parts of an attempt's log, for a worker that continues it. `onLines` receives their lines. The live stream may have more lines, which it
 * keeps when they come again.
 */
export async function readStoredLog(
  { blobs, jobId, logParts, attempt }: LogSources & { readonly attempt: number },
  onLines: (lines: readonly string[]) => void = () => undefined,
): Promise<StoredLog> {
  let stored = nothingStored;
  for (let part = 1; part <= logParts; part++) {
    const input = await blobs.stream(logPartKey(jobId, attempt, part));
    if (!input) break;
    const wanted = { attempt, from: 0, upTo: Number.POSITIVE_INFINITY, before: stored.lines };
    for await (const batch of linesOf(input, wanted)) {
      const lines = batch.map(({ text }) => text);
      onLines(lines);
      const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, stored.bytes);
      const tail = [...stored.tail, ...lines].slice(-tailLines);
      stored = { parts: stored.parts, lines: stored.lines + lines.length, bytes, tail };
    }
    stored = { ...stored, parts: part };
  }
  return stored;
}
