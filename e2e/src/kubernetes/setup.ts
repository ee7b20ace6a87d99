import type { TestProject } from 'vitest/node';
import { type ClusterAddress, startCluster } from './cluster.js';

declare module 'vitest' {
  interface ProvidedContext {
    cluster: ClusterAddress;
  }
}

/** Starts one cluster for all test files of the suite. Each file uses namespaces of its own in it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { stop, ...address } = await startCluster();
  project.provide('cluster', address);
  return stop;
}
