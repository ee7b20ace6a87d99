import type { SourceInfo, SourceRoom, SourceStore } from '@slipway/source';
import type { Request, Response } from 'express';
import { accountOf } from '../http/auth.js';
import { closedSignal, lingerThenClose } from '../http/connection.js';
import { type OwnershipDeps, takeOwn } from './ownership.js';

export const archiveTypes = [
  'application/octet-stream',
  'application/x-tar',
  'application/tar',
  'application/gzip',
  'application/x-gzip',
  'application/x-www-form-urlencoded', // the default type of curl --data-binary
];

interface ReceiveSourceDeps extends Pick<OwnershipDeps, 'owners'> {
  readonly sources: Pick<SourceStore, 'ingest'>;
}

/** Receives the archive in the body of a request, for its tenant. Throws as `takeOwn` does. */
export async function receiveSource(
  req: Request,
  res: Response,
  { sources, owners }: ReceiveSourceDeps,
): Promise<SourceInfo & { readonly isNew: boolean }> {
  const signal = closedSignal(res);
  try {
    const ingest = (room: SourceRoom) => sources.ingest(req, { signal, room });
    return await takeOwn(accountOf(res), { owners }, ingest, { signal });
  } catch (error) {
    if (!req.complete) lingerThenClose(req, res);
    throw error;
  }
}
