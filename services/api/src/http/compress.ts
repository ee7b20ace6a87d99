import { constants } from 'node:zlib';
import compression from 'compression';
import type { Request, RequestHandler, Response } from 'express';

/** A smaller body fits into one packet as it is. */
const thresholdBytes = 1024;
const encodings = ['br', 'gzip', 'deflate'];

/**
 * Compresses answers in JSON, as `Accept-Encoding` asks. Logs, events, lines of NDJSON and archives pass as they are: they are sent piece by piece, and a
 * compressor would hold pieces back. ETags are weak, so that one ETag stands for the plain answer and for each compressed one.
 *
 * Compressed answers tell their length, which an attacker could use to guess a secret beside text of the attacker's own (BREACH). For that, the attacker
 * needs a browser that adds credentials to requests of other pages. The API takes tokens from the header `Authorization` alone, so no such request exists.
 */
export const compressJson: RequestHandler = compression({
  threshold: thresholdBytes,
  // Smaller windows than usual: a client that reads slowly holds its compressor, of 128 KiB with gzip.
  ...{ windowBits: 14, memLevel: 7 },
  brotli: { params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 16 } },
  filter,
});

const jsonTypes = new Set(['application/json', 'application/problem+json']);

/** Returns whether an answer may be compressed. Also sets what the middleware leaves out of answers without a body. */
function filter(req: Request, res: Response): boolean {
  // It has no Content-Type any more, and names what the whole answer would vary by (RFC 9110, 15.4.5).
  if (res.statusCode === 304) res.vary('Accept-Encoding');
  const [type = ''] = String(res.getHeader('Content-Type') ?? '').split(';');
  if (!jsonTypes.has(type.trim().toLowerCase())) return false;
  // The length of an answer to GET is not known before it is compressed (RFC 9110, 8.6).
  if (req.method === 'HEAD' && isCompressible(req, res)) res.removeHeader('Content-Length');
  return true;
}

const isCompressible = (req: Request, res: Response) =>
  Number(res.getHeader('Content-Length')) >= thresholdBytes && req.acceptsEncodings(...encodings) !== false;
