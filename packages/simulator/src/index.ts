export { buildDuration } from './builds/duration.js';
export { lieNames } from './builds/lies.js';
export type { FaultName, FaultRules } from './faults/faults.js';
export type { ApiAnswer, ApiCall, ApiCalls } from './fleet/api-calls.js';
export type { Fleet, FleetOptions, ReplicaOptions } from './fleet/options.js';
export type { FleetRedis } from './fleet/redis.js';
export { startFleet } from './fleet/start-fleet.js';
export { submitAll } from './fleet/submit.js';
export { seededRandom } from './random/random.js';
export {
  readStats,
  resetStats,
  type Simulator,
  type SimulatorOptions,
  setFaults,
  startSimulator,
} from './start-simulator.js';
export type { StatsSnapshot } from './stats/stats.js';
