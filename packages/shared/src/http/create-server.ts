import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { SlipwayError } from '../errors/index.js';
import type { Logger } from '../logger/index.js';
import { BodyPace } from './body-pace.js';
import { Certificate } from './certificate.js';
import { answerClientErrors } from './client-errors.js';
import { capConnections } from './connection-cap.js';
import { endWithProblem } from './raw-problem.js';
import type { HttpSettings } from './settings.js';

interface BoundedServerOptions {
  readonly listener: RequestListener;
  readonly settings: HttpSettings;
  readonly logger: Logger;
  readonly onCertificate?: ((pem: string) => void) | undefined;
  readonly isProxy?: ((address: string) => boolean) | undefined;
}

const certificateCheckMs = 5_000;
/** Metrics, trace, audit, token and streams each listen for the end of an answer: one more than Node.js allows before it warns of a leak. */
const listenersAtMost = 20;

/** Returns a server with limits that stop slow or idle clients from holding it: see `HttpSettings`. `close` ends its background work. */
export async function createBoundedServer(given: BoundedServerOptions) {
  const { listener, settings, logger, onCertificate, isProxy } = given;
  const pace = new BodyPace({
    minBytesPerSecond: settings.minBodyBytesPerSecond,
    graceMs: settings.bodyGraceMs,
  });
  const options: ServerOptions = {
    headersTimeout: settings.headersTimeoutMs,
    // A body has a minimum pace, and no limit for its whole time.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(settings.headersTimeoutMs / 4, 2_500),
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    maxHeaderSize: settings.maxHeaderBytes,
    // Node's own refusal has no body.
    requireHostHeader: false,
  };
  const front: RequestListener = (req, res) => {
    res.setMaxListeners(listenersAtMost);
    if (req.headers.host === undefined && req.httpVersionMinor > 0) {
      endWithProblem(res, new SlipwayError('request_invalid', 'The request has no Host header.'), 400);
      return;
    }
    pace.watch(req, res);
    listener(req, res);
  };
  let server: Server;
  let stopReloading = () => {};
  if (settings.tls) {
    const certificate = await Certificate.read(settings.tls);
    const tls = createTlsServer(
      {
        ...options,
        ...certificate.pair,
        minVersion: 'TLSv1.2',
        handshakeTimeout: settings.headersTimeoutMs,
      },
      front,
    );
    const use = (pair: typeof certificate.pair) => {
      tls.setSecureContext({ ...pair, minVersion: 'TLSv1.2' });
      onCertificate?.(pair.cert);
    };
    onCertificate?.(certificate.pair.cert);
    stopReloading = certificate.reload({ logger, everyMs: certificateCheckMs, use });
    server = tls;
  } else server = createServer(options, front);
  server.maxConnections = settings.maxConnections;
  capConnections({ server, perNetwork: settings.maxConnectionsPerNetwork, isProxy, logger });
  server.on('checkExpectation', (_req, res) =>
    endWithProblem(
      res,
      new SlipwayError('request_invalid', 'The value of the Expect header is not supported.'),
      417,
    ),
  );
  answerClientErrors(server);
  return {
    server,
    close() {
      pace.close();
      stopReloading();
    },
  };
}
