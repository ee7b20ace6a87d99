export { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
export { RedisMetrics } from './redis.js';
