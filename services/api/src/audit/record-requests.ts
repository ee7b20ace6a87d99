import { clientAddress, clientNetwork } from '@slipway/shared/http';
import type { RequestHandler, Response } from 'express';
import type { Endpoint } from '../http/operation.js';
import { requestIdOf } from '../http/request-id.js';
import { WindowLimit } from '../limits/window-limit.js';
import type { Principal } from '../tenants/directory.js';
import type { AuditLog } from './log.js';

interface RecordOptions {
  readonly log: Pick<AuditLog, 'add'>;
  readonly operations: readonly Pick<Endpoint['operation'], 'id' | 'method' | 'path'>[];
}

/**
 * Refusals recorded per address and minute for requests without a valid token. The limit keeps one address from pushing out other
 * entries.
 */
const unknownPerMinute = 60;
const longestPath = 512;
const longestAgent = 200;
const longestRecord = 256;

/** Records writes and refused requests once they are answered. Leaves out accepted requests with `res.locals.unaudited`, which change nothing. */
export function recordRequests({ log, operations }: RecordOptions): RequestHandler {
  const routes = operations.map(({ id, method, path }) => ({ id, method, pattern: patternOf(path) }));
  const unknown = new WindowLimit({ limit: unknownPerMinute, windowMs: 60_000 });
  return (req, res, next) => {
    const { method, originalUrl } = req;
    const isRead = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
    // Reads the address now: it is undefined after the connection closes, unless it was read before.
    void req.socket.remoteAddress;
    res.once('close', () => {
      const status = res.headersSent ? res.statusCode : 0;
      const refused = status === 401 || status === 403;
      if (!refused && (isRead || res.locals.unaudited === true)) return;
      if (status === 401 && !unknown.add(clientNetwork(req))) return;
      const path = originalUrl
        .replace(/\?.*$/s, '')
        .replaceAll(/[^\x21-\x7e]/g, '?')
        .slice(0, longestPath);
      const principal = res.locals.principal as Principal | undefined;
      const operation = routes.find((route) => {
        return route.method === method.toLowerCase() && route.pattern.test(path);
      })?.id;
      const { code } = res.locals as { code?: string };
      const agent = req
        .get('user-agent')
        ?.replaceAll(/[^\x20-\x7e]/g, '?')
        .slice(0, longestAgent);
      log.add({
        request_id: requestIdOf(res),
        ...(principal && { tenant: principal.account.name, token: principal.token }),
        ...(operation !== undefined && { operation }),
        method,
        path,
        records: recordsOf(path, res),
        status,
        ...(code !== undefined && { code }),
        address: clientAddress(req),
        ...(agent !== undefined && { user_agent: agent }),
      });
    });
    next();
  };

  /** Returns the values of the path parameters that identify records, of the request and of the records it created. */
  function recordsOf(path: string, res: Response): string[] {
    const paths = [path, res.getHeader('location')].filter((each) => typeof each === 'string');
    const named = paths.flatMap((each) => {
      const found = routes.map(({ pattern }) => pattern.exec(each)).find((match) => match !== null);
      return found && found.length > 1 ? [found.slice(1).join('/')] : [];
    });
    const job = res.getHeader('x-slipway-job');
    const all = [...named, ...(typeof job === 'string' ? [job] : [])];
    return [...new Set(all)].map((record) => record.slice(0, longestRecord));
  }
}

const patternOf = (path: string) =>
  new RegExp(`^${path.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&').replaceAll(/\{\w+\}/g, '([^/]+)')}/?$`, 'i');
