/** Decisions of the worker that the simulation in `bench` runs on a clock of its own. */
export { decideRetry } from '../attempts/retry.js';
export { Preferences } from '../fleet/preferences.js';
export { Capacity } from '../leader/capacity.js';
