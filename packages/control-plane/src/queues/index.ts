export { type BuildQueues, createBuildQueues } from './build-queues.js';
export { queuedJobSchema, queueKeys, queueName } from './pool-queue.js';
