import { constants } from 'node:zlib';
import compression from 'compression';
import type { Request, RequestHandler, Response } from 'express';

/** A smaller body fits into one packet uncompressed. */
const thresholdBytes = 1024;
const encodings = ['br', 'gzip', 'deflate'];

/**
 * Compresses JSON answers by `Accept-Encoding`. Logs, events, NDJSON and archives pass unchanged: they are streamed, and a
 * compressor would delay them. ETags are weak, so that one ETag serves the plain answer and each compressed one.
 *
 * The length of a compressed answer could let an attacker guess a secret beside the attacker's own text (BREACH). The attack needs a
 * browser that adds credentials to requests of other pages. The API takes tokens from the header `Authorization` alone, so no such
 * request exists.
 */
export const compressJson: RequestHandler = (req, res, next) => {
  if (req.headers['accept-encoding'] !== undefined) return compress(req, res, next);
  // Most clients of the API send no such header. For them the middleware would only add this one.
  res.setHeader('Vary', 'Accept-Encoding');
  next();
};

const compress = compression({
  threshold: thresholdBytes,
  // Smaller windows than the default: the compressor of a slow client stays in memory, 128 KiB with gzip.
  ...{ windowBits: 14, memLevel: 7 },
  brotli: { params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 16 } },
  filter,
});

const jsonTypes = new Set(['application/json', 'application/problem+json']);

/** Returns whether an answer may be compressed. Also sets headers that the middleware omits on answers without a body. */
function filter(req: Request, res: Response): boolean {
  // A 304 has no Content-Type, but must name the same Vary as the full answer (RFC 9110, 15.4.5).
  if (res.statusCode === 304) res.vary('Accept-Encoding');
  const [type = ''] = String(res.getHeader('Content-Type') ?? '').split(';');
  if (!jsonTypes.has(type.trim().toLowerCase())) return false;
  // The length of an answer to GET is unknown before compression (RFC 9110, 8.6).
  if (req.method === 'HEAD' && isCompressible(req, res)) res.removeHeader('Content-Length');
  return true;
}

const isCompressible = (req: Request, res: Response) =>
  Number(res.getHeader('Content-Length')) >= thresholdBytes && req.acceptsEncodings(...encodings) !== false;
