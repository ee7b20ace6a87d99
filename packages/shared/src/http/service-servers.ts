import express, { type Router } from 'express';
import type { CommonConfig } from '../config/common.js';
import { type Component, stopInOrder } from '../lifecycle/index.js';
import type { Logger } from '../logger/index.js';
import { measureCertificates, measureProcess, type Registry } from '../metrics/index.js';
import { healthRouter, type ReadyPaths } from './health.js';
import { metricsServer } from './metrics.js';
import { notFoundHandler, problemHandler } from './problems.js';
import { securityHeaders } from './security-headers.js';
import { type HttpServerOptions, httpServer } from './server.js';
import { defaultHttpSettings, type HttpSettings } from './settings.js';

/** The options that all servers of a service share, with the service's own port. */
export type ServiceListen = Omit<HttpServerOptions, 'app'> &
  Required<Pick<HttpServerOptions, 'settings' | 'onCertificate'>>;

interface ServiceServersOptions {
  readonly config: Pick<CommonConfig, 'port' | 'bindHost' | 'metricsPort' | 'healthPort' | 'http'>;
  readonly registry: Registry;
  /** The client certificate for Redis, whose expiry is measured too. */
  readonly redis?: { readonly certificate: string | undefined } | undefined;
  /** Rejects with a coded error when the process should get no traffic. */
  readonly ready: () => Promise<void>;
  /** Returns problems of the process's setup, shown with its readiness. */
  readonly warnings: () => readonly string[];
  /** More paths that answer in the form of /readyz, each with its own check. */
  readonly readyPaths?: ReadyPaths;
  readonly logger: Logger;
  /** Creates the server of the service's own port. Its app mounts `health`. */
  readonly create: (listen: ServiceListen, health: Router) => Component;
}

/**
 * Returns the servers of a service: its own port, and those for metrics and health checks if they are configured. Registers the
 * metrics of the process and of its certificates.
 */
export function serviceServers(options: ServiceServersOptions): Component[] {
  const { config, registry, redis, logger } = options;
  const { port, metricsPort, healthPort, bindHost: host, http: settings } = config;
  measureProcess({ registry });
  const listen = { host, logger, settings, onCertificate: measureCertificates({ registry, redis }) };
  const { ready, warnings, readyPaths = {} } = options;
  const checks = { ready, warnings, readyPaths };
  const health = healthRouter(checks);
  const own = metricsPort === undefined ? healthRouter({ ...checks, registry }) : health;
  const others = [
    ...(metricsPort === undefined ? [] : [metricsServer({ ...listen, registry, port: metricsPort })]),
    ...(healthPort === undefined ? [] : [healthServer({ ...listen, router: health, port: healthPort })]),
  ];
  const first = [options.create({ ...listen, name: 'http', port }, own)];
  // Metrics and health can be read until the last request has its answer.
  return [stopInOrder({ name: 'servers', first, last: others })];
}

interface HealthServerOptions {
  readonly port: number;
  readonly host?: string | undefined;
  /** The router that `healthRouter` returns. */
  readonly router: Router;
  readonly logger: Logger;
  readonly onCertificate?: (pem: string) => void;
  readonly settings?: HttpSettings;
}

/** Health checks are short, so a long request is not one. */
const bounds = {
  headersTimeoutMs: 5_000,
  keepAliveTimeoutMs: 5_000,
  maxConnections: 256,
  maxConnectionsPerNetwork: 64,
};

/** Returns a server for health checks on a separate port, which clients of the service's port cannot fill. */
function healthServer(options: HealthServerOptions): Component {
  const { router, settings = defaultHttpSettings, ...server } = options;
  const app = express();
  app.disable('x-powered-by');
  app.use(securityHeaders, router, notFoundHandler, problemHandler(server.logger));
  return httpServer({ name: 'health', app, ...server, settings: { ...settings, ...bounds } });
}
