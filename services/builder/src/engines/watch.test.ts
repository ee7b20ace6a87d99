import { SlipwayError } from '@slipway/shared/errors';
import { createLogger } from '@slipway/shared/logger';
import { expect, test } from 'vitest';
import { EngineWatch } from './watch.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const dead = new SlipwayError('engine_unreachable', 'BuildKit does not answer');

function watched() {
  const state: { fault: Error | undefined; taken: number; checks: number } = {
    fault: undefined,
    taken: 0,
    checks: 0,
  };
  const watch = new EngineWatch({
    engine: {
      name: 'buildkit',
      async check() {
        state.checks++;
        if (state.fault) throw state.fault;
      },
    },
    slots: {
      get taken() {
        return state.taken;
      },
    },
    logger,
    everyMs: 1,
    deadEveryMs: 1,
  });
  return { state, watch };
}

test('an idle engine that does not answer is dead at once, and works again when it answers', async () => {
  const { state, watch } = watched();
  state.fault = dead;
  await expect(watch.ready()).rejects.toBe(dead);
  expect(watch.fault).toBe(dead);
  state.fault = undefined;
  await watch.check();
  expect(watch.fault).toBeUndefined();
  await watch.ready();
});

test('an engine with builds in hand is dead after three failed checks in a row, or after one when a build said so', async () => {
  const { state, watch } = watched();
  Object.assign(state, { taken: 1, fault: dead });
  await watch.check();
  await watch.check();
  expect(watch.fault).toBeUndefined();
  state.fault = undefined;
  await watch.check();
  state.fault = dead;
  for (const known of [undefined, undefined, dead]) {
    await watch.check();
    expect(watch.fault).toBe(known);
  }
  const other = watched();
  Object.assign(other.state, { taken: 1, fault: dead });
  await other.watch.suspect();
  expect(other.watch.fault).toBe(dead);
});

test('checks at the same time are one, and what an engine throws without a code has one', async () => {
  const { state, watch } = watched();
  state.fault = new Error('spawn buildah ENOENT');
  await Promise.all([watch.check(), watch.check(), watch.suspect()]);
  expect(state.checks).toBe(1);
  expect(watch.fault).toMatchObject({ code: 'engine_unreachable' });
});

test('it watches until it is stopped', async () => {
  const { state, watch } = watched();
  const stop = new AbortController();
  const running = watch.run(stop.signal);
  await expect.poll(() => state.checks).toBeGreaterThan(2);
  state.fault = dead;
  await expect.poll(() => watch.fault).toBe(dead);
  stop.abort();
  await running;
});
