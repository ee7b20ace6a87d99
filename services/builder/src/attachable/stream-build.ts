import type { BuilderResult } from '@slipway/shared/contracts';
import { cutError } from '@slipway/shared/function-builder';
import type { Response } from 'express';
import type { AttachableBuild } from './attachable-build.js';

interface StreamOptions {
  readonly build: AttachableBuild;
  readonly res: Response;
  /** The number of the first line. */
  readonly from: number;
  readonly heartbeatMs: number;
  /** Aborted when the builder drains. */
  readonly draining: AbortSignal;
}

const head = Buffer.from('{"log":[');

/**
 * Streams a build with an id as NDJSON: its log from a line on, each part with the number of its first line, and then its result with the
 * count of all lines. A client that reads slowly gets the lines that are still kept when it has room.
 */
export async function streamBuild({ build, res, from, heartbeatMs, draining }: StreamOptions): Promise<void> {
  const leave = build.join();
  const write = (line: BuilderResult) => res.write(`${JSON.stringify(line)}\n`);
  const heartbeat = setInterval(() => {
    if (!res.writableNeedDrain) write({ log: [], status: 'in_progress' });
  }, heartbeatMs);
  const onClose = () => {
    leave();
    build.wake();
  };
  res.once('close', onClose);
  try {
    res.status(200).set({ 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' });
    res.flushHeaders();
    let next = from;
    let toldDraining = false;
    while (!res.closed) {
      if (draining.aborted && !toldDraining) {
        write({ log: [], status: 'in_progress', draining: true });
        toldDraining = true;
      }
      const part = build.read(next);
      if (part) {
        next = part.next;
        heartbeat.refresh();
        const tail = Buffer.from(`],"line":${part.line},"status":"in_progress"}\n`);
        if (!res.write(Buffer.concat([head, part.json, tail]))) await room(res);
      } else if (build.result) {
        res.once('finish', () => build.markFetched());
        write({ ...build.result, ...cutError(build.result), line: build.window.count });
        res.end();
        return;
      } else if (build.isOver) {
        res.destroy();
        return;
      } else {
        await build.changed();
      }
    }
  } finally {
    clearInterval(heartbeat);
    leave();
  }
}

/** Resolves when the client has room again, or is gone. */
async function room(res: Response): Promise<void> {
  if (res.closed) return;
  await new Promise<void>((resolve) => {
    const settle = () => {
      res.off('drain', settle);
      res.off('close', settle);
      resolve();
    };
    res.once('drain', settle);
    res.once('close', settle);
  });
}
