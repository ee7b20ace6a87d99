import type { Response } from 'express';
import { type BuilderResult, maxStreamLineBytes } from '../contracts/index.js';

/** How a build's log and end reach the client. */
export interface Answer {
  log(line: string): void;
  /** The last word; nothing may follow. */
  end(result: BuilderResult): void;
}

/** A line of a log, cut so that it fits a line of the stream even if each of its characters must be escaped. */
function cut(line: string): string {
  return line.length <= maxLineUnits ? line : `${line.slice(0, maxLineUnits)}…`;
}
/** JSON takes at most six bytes for a UTF-16 unit. */
const maxLineUnits = 8 * 1024;

/** What a buffered answer keeps of a log, in UTF-16 units. */
const maxLogUnits = 4 * 1024 * 1024;

/** Codes of a server that goes away while the build could still succeed: another try may help. */
const draining: readonly (string | undefined)[] = ['draining', 'builder_draining'];

/**
 * One JSON object at the end, with the last lines of the log. Published clients look at the HTTP status alone, so a build that failed is
 * answered with 500 (ADR 12); one that a stopping server gave up, with 503.
 */
export class BufferedAnswer implements Answer {
  readonly #res: Response;
  readonly #lines: string[] = [];
  #units = 0;
  #dropped = 0;

  constructor({ res }: { res: Response }) {
    this.#res = res;
  }

  log(line: string): void {
    const kept = cut(line);
    this.#lines.push(kept);
    this.#units += kept.length;
    while (this.#units > maxLogUnits) {
      this.#units -= this.#lines.shift()?.length ?? 0;
      this.#dropped++;
    }
  }

  end(result: BuilderResult): void {
    const log = this.#dropped === 0 ? this.#lines : [droppedNote(this.#dropped), ...this.#lines];
    const isDraining = draining.includes(result.code);
    if (isDraining) this.#res.set('Retry-After', '2');
    const failed = isDraining ? 503 : 500;
    this.#res.status(result.status === 'failed' ? failed : 200).json({ ...result, ...cutError(result), log });
  }
}

/** Bytes that may wait for a slow client before lines of the log are left out. */
const maxWaitingBytes = 1024 * 1024;

/**
 * NDJSON: the log as it comes, each line shorter than clients can read, a heartbeat when nothing was said for a while,
 * and always a last line with a terminal status.
 */
export class StreamedAnswer implements Answer {
  readonly #res: Response;
  readonly #heartbeat: NodeJS.Timeout;
  #pending: string[] = [];
  #pendingBytes = 0;
  #dropped = 0;

  constructor({ res, heartbeatMs }: { res: Response; heartbeatMs: number }) {
    this.#res = res;
    this.#heartbeat = setInterval(() => this.#write({ log: [], status: 'in_progress' }), heartbeatMs);
    res.once('close', () => clearInterval(this.#heartbeat));
    res.status(200).set({ 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' });
    res.flushHeaders();
  }

  log(line: string): void {
    if (this.#res.writableLength > maxWaitingBytes) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) this.#add(droppedNote(this.#dropped));
    this.#dropped = 0;
    this.#add(cut(line));
  }

  end(result: BuilderResult): void {
    clearInterval(this.#heartbeat);
    if (this.#dropped > 0) this.#add(droppedNote(this.#dropped));
    this.#flush();
    this.#write({ ...result, ...cutError(result) });
    this.#res.end();
  }

  /** Lines of one moment share a line of the stream as far as they fit. */
  #add(line: string): void {
    const bytes = Buffer.byteLength(JSON.stringify(line)) + 1;
    if (this.#pendingBytes + bytes > maxStreamLineBytes - 100) this.#flush();
    if (this.#pending.length === 0) setImmediate(() => this.#flush());
    this.#pending.push(line);
    this.#pendingBytes += bytes;
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    const log = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#write({ log, status: 'in_progress' });
  }

  #write(result: BuilderResult): void {
    this.#heartbeat.refresh();
    if (!this.#res.destroyed && !this.#res.writableEnded) this.#res.write(`${JSON.stringify(result)}\n`);
  }
}

function cutError({ error }: BuilderResult): { error?: string } {
  return error === undefined ? {} : { error: cut(error) };
}

function droppedNote(lines: number): string {
  return `[${lines} lines of the log were left out here]`;
}
