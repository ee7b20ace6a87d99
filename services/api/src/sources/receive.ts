import type { SourceInfo, SourceStore } from '@slipway/shared/source';
import type { Request, Response } from 'express';
import { closedSignal, lingerThenClose } from '../http/connection.js';

export const archiveTypes = [
  'application/octet-stream',
  'application/x-tar',
  'application/tar',
  'application/gzip',
  'application/x-gzip',
  'application/x-www-form-urlencoded', // what curl --data-binary says when nobody told it otherwise
];

/** Takes in the archive that is the body of a request. Throws as `SourceStore.ingest` does. */
export async function receiveSource(
  sources: Pick<SourceStore, 'ingest'>,
  req: Request,
  res: Response,
): Promise<SourceInfo & { created: boolean }> {
  try {
    return await sources.ingest(req, { signal: closedSignal(res) });
  } catch (error) {
    if (!req.complete) lingerThenClose(req, res);
    throw error;
  }
}
