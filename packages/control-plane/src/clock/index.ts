export { type Clock, RedisClock } from './redis-clock.js';
