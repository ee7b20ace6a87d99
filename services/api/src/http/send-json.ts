import { hash } from 'node:crypto';
import type { Response } from 'express';

/** Sends a 200 with JSON, as `res.json` does, at a fraction of the processor time. For the answers that clients ask for most. */
export function sendJson(res: Response, value: unknown): void {
  const { method, headers } = res.req;
  const isConditional = headers['if-none-match'] !== undefined || headers['if-modified-since'] !== undefined;
  if (method !== 'GET' || isConditional) {
    res.json(value);
    return;
  }
  const body = JSON.stringify(value);
  const bytes = Buffer.byteLength(body);
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', bytes);
  // The tag that Express would compute. It compares conditional requests with its own.
  res.setHeader('ETag', `W/"${bytes.toString(16)}-${hash('sha1', body, 'base64').slice(0, 27)}"`);
  // Node.js sends headers and a string in one piece, and a buffer in another one.
  res.end(body);
}
