export { eventsGroup } from './group.js';
export { parseEvents } from './reader.js';
