/** Decisions of the worker that the simulation in `bench` runs on a clock of its own. */
export { decideRetry } from '../attempts/retry.js';
export { Preferences } from '../fleet/preferences.js';
export { mayPass } from '../fleet/waiters.js';
export { Capacity } from '../leader/capacity.js';
