import type { Response } from 'express';
import { type BuilderResult, maxStreamLineBytes } from '../contracts/index.js';

/** Sends a build's log and result to the client. */
export interface Answer {
  log(line: string): void;
  /** Tells the client that the server drains, if the answer can. The build goes on. */
  drain(): void;
  /** Sends the result. Nothing may follow it. */
  end(result: BuilderResult): void;
}

/** Truncates a line of a log so that it fits a line of the stream, even if each character must be escaped. */
export function cutLogLine(line: string): string {
  return line.length <= maxLineUnits ? line : `${line.slice(0, maxLineUnits)}…`;
}
/** JSON needs at most six bytes per UTF-16 unit. */
const maxLineUnits = 8 * 1024;

/** The maximum of a log in a buffered answer, in UTF-16 units. */
const maxLogUnits = 4 * 1024 * 1024;

/** Codes of a server that stops while the build could still succeed: a retry may help. */
const draining: readonly (string | undefined)[] = ['draining', 'builder_draining'];

/**
 * Answers with one JSON object at the end, with the last lines of the log. Published clients only check the HTTP status, so a
 * failed build gets 500 (ADR 12), and a build that a stopping server dropped gets 503.
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
    const kept = cutLogLine(line);
    this.#lines.push(kept);
    this.#units += kept.length;
    while (this.#units > maxLogUnits) {
      this.#units -= this.#lines.shift()?.length ?? 0;
      this.#dropped++;
    }
  }

  drain(): void {
    // The answer has one object, at the end.
  }

  end(result: BuilderResult): void {
    const log = this.#dropped === 0 ? this.#lines : [droppedNote(this.#dropped), ...this.#lines];
    const isDraining = draining.includes(result.code);
    if (isDraining) this.#res.set('Retry-After', '2');
    const failed = isDraining ? 503 : 500;
    this.#res.status(result.status === 'failed' ? failed : 200).json({ ...result, ...cutError(result), log });
  }
}

/** The maximum of bytes that wait for a slow client before the answer drops lines of the log. */
const maxWaitingBytes = 1024 * 1024;

/**
 * Answers with NDJSON: the log as it arrives, each line short enough for clients, a heartbeat after a quiet time, and always a
 * last line with a terminal status.
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
    this.#add(cutLogLine(line));
  }

  drain(): void {
    this.#flush();
    this.#write({ log: [], status: 'in_progress', draining: true });
  }

  end(result: BuilderResult): void {
    clearInterval(this.#heartbeat);
    if (this.#dropped > 0) this.#add(droppedNote(this.#dropped));
    this.#flush();
    this.#write({ ...result, ...cutError(result) });
    this.#res.end();
  }

  /** Joins lines of one moment into a line of the stream as far as they fit. */
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

/** Returns the error of a result, truncated so that it fits a line of the stream. */
export function cutError({ error }: BuilderResult): { error?: string } {
  return error === undefined ? {} : { error: cutLogLine(error) };
}

function droppedNote(lines: number): string {
  return `[${lines} lines of the log were left out here]`;
}
