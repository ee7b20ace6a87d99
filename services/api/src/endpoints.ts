import type { FunctionStore } from '@slipway/control-plane/functions';
import type { RegistryState } from '@slipway/control-plane/jobs';
import type { ReplicaRegistry } from '@slipway/control-plane/replicas';
import type { StatsStore } from '@slipway/control-plane/stats';
import type { TemplateStore } from '@slipway/control-plane/templates';
import type { SourceStore, SourceUses } from '@slipway/source';
import { auditEndpoint } from './audit/endpoints.js';
import type { AuditLog } from './audit/log.js';
import { type BatchEndpointsDeps, batchEndpoints } from './batches/endpoints.js';
import { eventsEndpoint } from './events/endpoints.js';
import { fleetEndpoints } from './fleet/endpoints.js';
import { type FunctionBuilderDeps, functionBuilderEndpoint } from './function-builder/endpoint.js';
import { publicKeyEndpoint } from './function-builder/public-key.js';
import { functionEndpoints } from './functions/endpoints.js';
import type { Endpoint } from './http/operation.js';
import { jobEndpoints } from './jobs/endpoints.js';
import type { SubmitDeps } from './jobs/submit.js';
import { logEndpoints } from './logs/endpoints.js';
import type { FollowDeps } from './logs/follow.js';
import { rebuildEndpoint } from './rebuilds/endpoints.js';
import { sourceEndpoints } from './sources/endpoints.js';
import { statsEndpoint } from './stats/endpoint.js';
import { templateEndpoints } from './templates/endpoints.js';
import type { TenantEndpointsDeps } from './tenants/deps.js';
import { tenantEndpoints } from './tenants/endpoints.js';
import { type DeliveryEndpointsDeps, deliveryEndpoints } from './webhooks/deliveries.js';
import { type WebhookEndpointsDeps, webhookEndpoints } from './webhooks/endpoints.js';

type BuildDeps = Pick<
  FunctionBuilderDeps,
  | 'signers'
  | 'requestRate'
  | 'maxPayloadBytes'
  | 'unverified'
  | 'verified'
  | 'ahead'
  | 'cancelOnDisconnect'
  | 'closing'
>;

export interface EndpointDeps
  extends Omit<SubmitDeps, 'sources' | 'store' | 'templates'>,
    FollowDeps,
    TenantEndpointsDeps,
    BuildDeps,
    Pick<DeliveryEndpointsDeps, 'deliveries' | 'publicUrl'> {
  readonly store: SubmitDeps['store'];
  readonly audit: Pick<AuditLog, 'list'>;
  readonly webhooks: WebhookEndpointsDeps['webhooks'];
  readonly batches: BatchEndpointsDeps['batches'];
  readonly cancelStopped: BatchEndpointsDeps['cancelStopped'];
  readonly sources: SourceStore;
  readonly templates: TemplateStore;
  readonly functions: FunctionStore;
  readonly uses: Pick<SourceUses, 'touch'>;
  readonly replicas: Pick<ReplicaRegistry, 'list' | 'pools' | 'setDraining' | 'publicKey'>;
  readonly registries: () => Promise<readonly RegistryState[]>;
  readonly stats: Pick<StatsStore, 'read'>;
  /** Removes a waiting job from the queue. */
  readonly dequeue: (id: string) => Promise<boolean>;
}

/** Returns all endpoints below /v1, for the router and the OpenAPI document. */
export function apiEndpoints(deps: EndpointDeps): Endpoint[] {
  // Routes are matched in order: the most frequent ones come first.
  return [
    ...jobEndpoints(deps),
    ...sourceEndpoints(deps),
    ...batchEndpoints(deps),
    ...functionEndpoints(deps),
    ...templateEndpoints(deps),
    rebuildEndpoint(deps),
    ...logEndpoints(deps),
    eventsEndpoint(deps),
    ...webhookEndpoints(deps),
    ...deliveryEndpoints(deps),
    ...fleetEndpoints(deps),
    statsEndpoint(deps),
    auditEndpoint(deps),
    ...tenantEndpoints(deps),
    functionBuilderEndpoint(deps),
    publicKeyEndpoint(deps),
  ];
}
