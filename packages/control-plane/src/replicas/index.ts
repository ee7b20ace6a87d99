export { Announcer } from './announcer.js';
export { readDemand } from './demand.js';
export {
  type AcquireReply,
  type Lease,
  type ReplicaOutcome,
  SlotLedger,
  type SlotRequest,
} from './ledger.js';
export { PoolRegistry, type PoolState } from './pools.js';
export {
  type AnnouncedReplica,
  addressOf,
  fleetCapacity,
  ReplicaRegistry,
  type ReplicaState,
  replicaId,
} from './registry.js';
export { rendezvous } from './rendezvous.js';
export { isPresent, type PoolDemand, targetOf, wantedReplicas } from './wanted.js';
