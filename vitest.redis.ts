import type { TestProject } from 'vitest/node';
import { startRedis } from './packages/local/src/index.js';

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string;
  }
}

/** Starts one real Redis for a test run. Each test has its own key prefix. */
export default async function setup(project: TestProject) {
  const redis = await startRedis();
  project.provide('redisUrl', redis.url);
  return () => redis.stop();
}
