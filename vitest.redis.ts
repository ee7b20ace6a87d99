import type { TestProject } from 'vitest/node';
import { type RedisProgram, startRedis } from './packages/local/src/index.js';

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string;
  }
}

/** The server of each project that repeats tests on another one. */
const programs: Readonly<Record<string, RedisProgram>> = {
  'redis 8.2': 'redis-server-8.2',
  'valkey 8.1': 'valkey-server-8.1',
};

/** Starts one real Redis for the tests of a project. Each test has its own key prefix. */
export default async function setup(project: TestProject) {
  const program = programs[project.name];
  const redis = await startRedis({ ...(program && { program }) });
  project.provide('redisUrl', redis.url);
  return () => redis.stop();
}
