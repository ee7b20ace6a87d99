export {
  type AcquireReply,
  type Lease,
  type ReplicaOutcome,
  SlotLedger,
  type SlotRequest,
} from './ledger.js';
export {
  type AnnouncedReplica,
  fleetCapacity,
  type PoolState,
  ReplicaRegistry,
  type ReplicaState,
  replicaId,
} from './registry.js';
export { rendezvous } from './rendezvous.js';
