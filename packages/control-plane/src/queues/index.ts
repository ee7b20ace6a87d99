export { type BuildQueues, createBuildQueues } from './build-queues.js';
export { type QueueData, type QueueName, queueCatalog, queueName } from './catalog.js';
export { createSender, type Sender } from './queue.js';
