export { type BuildQueues, createBuildQueues } from './build-queues.js';
export { queuedJobSchema, queueName } from './pool-queue.js';
