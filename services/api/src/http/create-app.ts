import type { Cell } from '@slipway/control-plane/cell';
import {
  noStore,
  notFoundHandler,
  problemHandler,
  refuseWhile,
  refuseWhileDraining,
  securityHeaders,
} from '@slipway/shared/http';
import type { Logger } from '@slipway/shared/logger';
import type { Registry } from '@slipway/shared/metrics';
import { deriveKeys } from '@slipway/shared/signing';
import { noTracing, type Tracing } from '@slipway/shared/tracing';
import express, { type Express, type Router } from 'express';
import type { AuditLog } from '../audit/log.js';
import { recordRequests } from '../audit/record-requests.js';
import type { ApiConfig } from '../config.js';
import { dashboardRouter } from '../dashboard/router.js';
import { dashboardFolder, readSite } from '../dashboard/site.js';
import { KeyStore } from '../idempotency/key-store.js';
import { FailedTokens } from '../limits/failed-tokens.js';
import { limitRequests } from '../limits/request-rate.js';
import { measureRequests } from '../metrics/http-metrics.js';
import { openApiDocument } from '../openapi/document.js';
import { docsRouter } from '../openapi/router.js';
import { exceptRegistryEvents, hideEventToken } from '../registry-events/tokens.js';
import type { Sources } from '../sources/open-sources.js';
import type { Tenants } from '../tenants/open-tenants.js';
import { requireToken } from './auth.js';
import { compressJson } from './compress.js';
import { cors } from './cors.js';
import { inOrder } from './in-order.js';
import { LargeBodies } from './large-bodies.js';
import { type Endpoint, mount, type OperationDeps } from './operation.js';
import { requestIds } from './request-id.js';
import { traceRequests } from './trace-requests.js';

interface AppOptions {
  readonly config: ApiConfig;
  readonly cell: Cell;
  readonly sources: Pick<Sources, 'blobs' | 'git'>;
  readonly tenants: Pick<Tenants, 'directory' | 'requestRate'>;
  readonly audit: AuditLog;
  readonly endpoints: readonly Endpoint[];
  readonly replicated: OperationDeps['replicated'];
  readonly health: Router;
  readonly registry: Registry;
  /** Aborted when the process drains. */
  readonly stopping: AbortSignal;
  readonly tracing: Tracing;
  readonly logger: Logger;
}

/**
 * Returns the app of the API: the endpoints, then health checks, documents and the dashboard without a token. The endpoints are first, because
 * each file of the dashboard is a route that every later request is compared with.
 */
export function createApp(options: AppOptions): Express {
  const { config, cell, sources, tenants, audit, endpoints, registry, stopping, tracing, logger } = options;
  const { redis, keys } = cell;
  const site = readSite(dashboardFolder());
  if (!site) logger.warn('the dashboard was not built and is not served; build it with `pnpm build`');
  const app = express();
  app.disable('x-powered-by').set('query parser', 'simple');
  app.set('trust proxy', [...config.trustedProxies]);
  app.use(
    inOrder(
      hideEventToken,
      requestIds,
      securityHeaders,
      compressJson,
      measureRequests(registry),
      ...(config.corsOrigins.length === 0 ? [] : [cors({ origins: config.corsOrigins })]),
    ),
  );
  app.use(
    ['/v1', '/build'],
    inOrder(
      noStore,
      refuseWhile(cell.refusal),
      recordRequests({ log: audit, operations: endpoints.map(({ operation }) => operation) }),
    ),
  );
  app.use(
    '/v1',
    inOrder(
      refuseWhileDraining(stopping),
      exceptRegistryEvents(
        inOrder(
          requireToken({ directory: tenants.directory, failedTokens: new FailedTokens() }),
          limitRequests(tenants.requestRate),
        ),
      ),
    ),
  );
  mount(app, tracing === noTracing ? endpoints : traceRequests(endpoints, tracing), {
    store: new KeyStore({ redis, keys, sealingKey: deriveKeys(config, 'stored answers') }),
    bodies: new LargeBodies({ blobs: sources.blobs }),
    git: sources.git,
    replicated: options.replicated,
    logger,
  });
  return app.use(
    options.health,
    docsRouter(openApiDocument(endpoints)),
    ...(site ? [dashboardRouter(site)] : []),
    notFoundHandler,
    problemHandler(logger),
  );
}
