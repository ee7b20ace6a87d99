export { Counter, Gauge, Histogram, Registry } from 'prom-client';
export { measureCertificates, measureProcess } from './process.js';
export { measureWrites, RedisMetrics } from './redis.js';
