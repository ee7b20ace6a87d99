export { type CallOutcome, type Counts, MinuteCounts } from './minute-counts.js';
export { emptyPoolPoint, emptyReplicaPoint, type Series } from './series.js';
export { StatsStore } from './stats-store.js';
