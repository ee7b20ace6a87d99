import type { Cell } from '@slipway/control-plane/cell';
import { auditEndpoint } from './audit/endpoints.js';
import type { AuditLog } from './audit/log.js';
import { batchEndpoints } from './batches/endpoints.js';
import { campaignEndpoints } from './campaigns/endpoints.js';
import { eventsEndpoint } from './events/endpoints.js';
import type { Fleet } from './fleet/create-fleet.js';
import { fleetEndpoints } from './fleet/endpoints.js';
import { type FunctionBuilderDeps, functionBuilderEndpoint } from './function-builder/endpoint.js';
import { publicKeyEndpoint } from './function-builder/public-key.js';
import { baseImageEndpoint } from './functions/base-images.js';
import { functionEndpoints } from './functions/endpoints.js';
import type { Endpoint } from './http/operation.js';
import type { Jobs } from './jobs/create-jobs.js';
import { jobEndpoints } from './jobs/endpoints.js';
import { logEndpoints } from './logs/endpoints.js';
import { rebuildEndpoint } from './rebuilds/endpoints.js';
import { type RegistryEvents, registryEventsEndpoint } from './registry-events/endpoint.js';
import { sourceEndpoints } from './sources/endpoints.js';
import type { Sources } from './sources/open-sources.js';
import { statsEndpoint } from './stats/endpoint.js';
import { templateEndpoints } from './templates/endpoints.js';
import { tenantEndpoints } from './tenants/endpoints.js';
import type { Tenants } from './tenants/open-tenants.js';
import type { Webhooks } from './webhooks/create-webhooks.js';
import { deliveryEndpoints } from './webhooks/deliveries.js';
import { webhookEndpoints } from './webhooks/endpoints.js';

/** The dependencies of all endpoints, by noun. */
export interface EndpointDeps {
  readonly cell: Cell;
  readonly jobs: Jobs;
  readonly sources: Sources;
  readonly fleet: Fleet;
  readonly webhooks: Webhooks;
  readonly tenants: Tenants;
  readonly audit: Pick<AuditLog, 'list'>;
  readonly registryEvents: RegistryEvents;
  readonly replicated: FunctionBuilderDeps['replicated'];
  /** Payloads of `POST /build`. */
  readonly payloads: Pick<
    FunctionBuilderDeps,
    'verified' | 'unverified' | 'cancelOnDisconnect' | 'disconnectWaitMs'
  >;
  readonly stops: {
    /** Aborted when the process drains: open streams end, and clients resume at their position. */
    readonly stopping: AbortSignal;
    /** Aborted when the answers to `POST /build` must end too. */
    readonly closing: AbortSignal;
  };
}

/** Returns all endpoints below /v1, for the router and the OpenAPI document. */
export function apiEndpoints(deps: EndpointDeps): Endpoint[] {
  const { cell, jobs, sources, fleet, webhooks, tenants, audit, replicated, payloads, stops } = deps;
  const { registryEvents } = deps;
  const stored = { ...cell, ...sources, ...jobs };
  const submit = { ...stored, ...fleet, ...stops };
  // Routes are matched in order: the most frequent ones come first.
  return [
    ...jobEndpoints(submit),
    ...sourceEndpoints({ ...sources }),
    ...batchEndpoints(submit),
    ...functionEndpoints(stored),
    baseImageEndpoint(stored),
    ...templateEndpoints(submit),
    rebuildEndpoint(submit),
    ...campaignEndpoints(submit),
    ...logEndpoints(submit),
    eventsEndpoint(submit),
    ...webhookEndpoints({ ...cell, ...jobs, ...webhooks }),
    ...deliveryEndpoints({ ...cell, ...webhooks }),
    ...fleetEndpoints({ ...jobs, ...fleet }),
    statsEndpoint({ ...cell, ...fleet }),
    auditEndpoint({ audit }),
    ...tenantEndpoints({ ...cell, ...tenants }),
    functionBuilderEndpoint({ ...submit, ...tenants, ...payloads, replicated }),
    publicKeyEndpoint({ ...fleet }),
    registryEventsEndpoint({ registryEvents }),
  ];
}
