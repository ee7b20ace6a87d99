import type { BatchJobEvent, JobState } from '@slipway/client';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BatchProgress } from './progress.js';

const states = ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const;
const event = (number: number, state: JobState, version: number): BatchJobEvent => ({
  ...{ id: `job_${number}`, state, version, at: new Date(version).toISOString(), image: `r/${number}:1` },
});

test('events in any order and number result in the newest state of each job, and its counts', () => {
  const change = fc.record({
    number: fc.nat({ max: 4 }),
    state: fc.constantFrom(...states),
    version: fc.integer({ min: 1, max: 9 }),
  });
  // One state per job and version, as the server has it.
  const changes = fc.uniqueArray(change, { selector: ({ number, version }) => `${number} ${version}` });
  fc.assert(
    fc.property(changes, fc.array(fc.nat()), (list, repeats) => {
      const progress = new BatchProgress();
      for (const { number, state, version } of [
        ...list,
        ...repeats.flatMap((at) => list[at % (list.length || 1)] ?? []),
      ])
        progress.add({ type: 'job', job: event(number, state, version), position: undefined });
      const newest = new Map<number, (typeof list)[number]>();
      for (const each of list) {
        if ((newest.get(each.number)?.version ?? 0) < each.version) newest.set(each.number, each);
      }
      const found = [...newest.values()];
      for (const state of states) {
        expect(progress.counts[state]).toBe(found.filter((each) => each.state === state).length);
      }
      expect(progress.running.map(({ id }) => id).sort()).toEqual(
        found
          .filter(({ state }) => state === 'running')
          .map(({ number }) => `job_${number}`)
          .sort(),
      );
      expect(progress.counts.total).toBe(found.length);
    }),
  );
});
