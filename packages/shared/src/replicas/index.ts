export {
  type AcquireReply,
  type Lease,
  type ReplicaOutcome,
  SlotLedger,
  type SlotRequest,
} from './ledger.js';
export { fleetCapacity, ReplicaRegistry, type ReplicaState, replicaId } from './registry.js';
export { rendezvous } from './rendezvous.js';
