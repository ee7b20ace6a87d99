export { parseEvents } from './reader.js';
