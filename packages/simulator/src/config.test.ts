import { describe, expect, it } from 'vitest';
import { buildDuration } from './builds/duration.js';
import { loadConfig } from './config.js';

describe('the environment of a simulator', () => {
  it('is read, faults and all', () => {
    expect(
      loadConfig({
        PAYLOAD_SECRET: 'x',
        MAX_INFLIGHT: '4',
        BUILD_MS_MEAN: '300',
        BUILD_MS_SIGMA: '0.6',
        FAULTS: '[{"fault":"busy","probability":0.2}]',
      }),
    ).toMatchObject({
      maxInflight: 4,
      seed: 1,
      durations: { meanMs: 300, sigma: 0.6 },
      faults: [{ fault: 'busy', probability: 0.2 }],
    });
  });

  it.each([
    ['BUILD_MS_MEAN', '-1'],
    ['FAULTS', '{}'],
    ['FAULTS', '[{"fault":"tired"}]'],
    ['MAX_INFLIGHT', 'many'],
  ])('is refused with %s=%s', (name, value) => {
    expect(() => loadConfig({ PAYLOAD_SECRET: 'x', [name]: value })).toThrow(name);
  });
});

describe('durations', () => {
  it('are the same for the tags of an image repository, and others for others', () => {
    const ms = (image: string) => buildDuration(image, { meanMs: 300, sigma: 0.6, seed: 1 });
    expect(ms('r.example/a:1')).toBe(ms('r.example/a:2'));
    expect(ms('r.example/a:1')).not.toBe(ms('r.example/b:1'));
  });

  it('are log-normal over images', () => {
    const drawn = Array.from({ length: 4_000 }, (_, at) =>
      buildDuration(`r.example/fn-${at}:1`, { meanMs: 300, sigma: 0.6, seed: 1 }),
    );
    const mean = drawn.reduce((sum, ms) => sum + ms, 0) / drawn.length;
    expect(mean).toBeGreaterThan(285);
    expect(mean).toBeLessThan(315);
    const logs = drawn.map(Math.log);
    const mu = logs.reduce((sum, log) => sum + log, 0) / logs.length;
    const sigma = Math.sqrt(logs.reduce((sum, log) => sum + (log - mu) ** 2, 0) / logs.length);
    expect(sigma).toBeGreaterThan(0.57);
    expect(sigma).toBeLessThan(0.63);
  });
});
