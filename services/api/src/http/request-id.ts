import { randomUUID } from 'node:crypto';
import type { RequestHandler, Response } from 'express';

const header = 'X-Request-Id';

/** Gives each request an id, or keeps the valid id that it brings. The answer, its problem, log lines and the audit log carry the id. */
export const requestIds: RequestHandler = (req, res, next) => {
  const { 'x-request-id': given } = req.headers;
  res.setHeader(
    header,
    typeof given === 'string' && /^[\w.:+/=-]{1,128}$/.test(given) ? given : randomUUID(),
  );
  next();
};

export const requestIdOf = (res: Response): string => String(res.getHeader(header));
