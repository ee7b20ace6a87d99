import { expect, it } from 'vitest';
import { receivesBuilds, replicaCondition } from './fleet-condition.js';

const healthy = { health: 'up', readiness: 'ready', circuit: 'closed', draining: false } as const;

it.each([
  [{}, 'up', true],
  [{ readiness: 'full' }, 'full', true],
  [{ health: 'unknown' }, 'unknown', false],
  [{ draining: true }, 'draining', false],
  [{ readiness: 'draining' }, 'draining', false],
  [{ circuit: 'probing', draining: true }, 'circuit probing', false],
  [{ circuit: 'open' }, 'circuit open', false],
  [{ readiness: 'broken', circuit: 'open' }, 'broken', false],
  [{ health: 'down', draining: true }, 'down', false],
] as const)('a replica with %j is %s', (facts, condition, receives) => {
  const replica = { ...healthy, ...facts };
  expect(replicaCondition(replica)).toBe(condition);
  expect(receivesBuilds(replica)).toBe(receives);
});
