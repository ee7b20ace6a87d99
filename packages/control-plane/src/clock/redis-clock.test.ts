import { createLogger } from '@slipway/shared/logger';
import { Registry } from '@slipway/shared/metrics';
import { describe, expect, it } from 'vitest';
import { RedisClock } from './redis-clock.js';

const dayMs = 24 * 3600 * 1_000;

function clockOff(byMs: number) {
  const logged: string[] = [];
  const destination = { write: (line: string) => void logged.push(line) };
  const logger = createLogger({ name: 'test', level: 'info', destination });
  const registry = new Registry();
  const redisMs = 1_700_000_000_000;
  const redis = { time: async () => [redisMs / 1_000, 0] as [number, number] };
  const begun = performance.now();
  const machine = () => redisMs + byMs + (performance.now() - begun);
  return { clock: new RedisClock({ redis, registry, logger, machine }), registry, logged, redisMs };
}

describe("Redis' clock", () => {
  it.each([100 * dayMs, -100 * dayMs, 3600_000, 61_000 + 5_000])(
    'goes by Redis where the machine is off by %i ms, and says so',
    async (byMs) => {
      const { clock, registry, logged, redisMs } = clockOff(byMs);
      expect(clock.isRight).toBe(false);
      await clock.measure();
      expect(Math.abs(clock.now() - redisMs)).toBeLessThan(50_000);
      expect(clock.isRight).toBe(false);
      expect(clock.warnings()).toEqual([
        expect.stringMatching(byMs > 0 ? /\d+ s ahead of Redis' clock/ : /\d+ s behind Redis' clock/),
      ]);
      expect(logged.join('')).toContain("this machine's clock is wrong");
      const [, seconds] = /^slipway_clock_offset_seconds (\S+)$/m.exec(await registry.metrics()) ?? [];
      expect(Math.abs(Number(seconds) - byMs / 1_000)).toBeLessThan(50);
    },
  );

  it('is right when the clock of the machine differs by less than a minute', async () => {
    const { clock, logged } = clockOff(-5_000);
    await clock.measure();
    expect(clock.isRight).toBe(true);
    expect(clock.warnings()).toEqual([]);
    expect(logged).toEqual([]);
  });
});
