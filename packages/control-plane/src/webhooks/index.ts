export {
  type AttemptRecord,
  type DeliveryRecord,
  type NewDelivery,
  toDelivery,
} from './delivery-record.js';
export { type BeginReply, DeliveryStore, type EndReply, type Verdict } from './delivery-store.js';
export { removeEarlierQueue } from './earlier-queue.js';
export { type EndpointRecord, toEndpoint } from './endpoint-record.js';
export { EndpointStore } from './endpoint-store.js';
