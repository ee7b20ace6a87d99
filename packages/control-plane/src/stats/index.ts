export { emptyPoolPoint, emptyReplicaPoint, type Series } from './series.js';
export { StatsStore } from './stats-store.js';
export { type CallOutcome, type Counts, Tally } from './tally.js';
