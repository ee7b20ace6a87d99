export { Counter, Gauge, Histogram, Registry } from 'prom-client';
export { measureCertificates } from './certificates.js';
export { measureProcess } from './process.js';
export { measureWrites, RedisMetrics } from './redis.js';
