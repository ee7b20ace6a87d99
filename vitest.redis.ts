import type { TestProject } from 'vitest/node';
import { startRedis } from './packages/local/src/index.js';

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string;
  }
}

/** One real Redis for a test run; each test has a prefix of its own in it. */
export default async function setup(project: TestProject) {
  const redis = await startRedis();
  project.provide('redisUrl', redis.url);
  return () => redis.stop();
}
