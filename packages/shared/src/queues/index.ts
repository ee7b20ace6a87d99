export { type QueueData, type QueueName, queueCatalog } from './catalog.js';
export { createSender, type Sender } from './queue.js';
