import { createLogger } from '@slipway/shared/logger';
import { describe, expect, it } from 'vitest';
import { parseBuilders } from './builders.js';
import { Discovery } from './discovery.js';

const logger = createLogger({ name: 'test', level: 'silent' });

function discovery(builders: string, answers: (readonly { address: string; family: number }[] | Error)[]) {
  const announced: (readonly { url: string }[])[] = [];
  const made = new Discovery({
    builders: parseBuilders(builders),
    registry: {
      announce: async (replicas) => {
        announced.push(replicas);
        return [];
      },
    },
    logger,
    resolve: async (name) => {
      expect(name).toBe('builders');
      const answer = answers.shift();
      if (!answer || answer instanceof Error) throw answer ?? new Error('asked once too often');
      return answer;
    },
  });
  return { made, announced, urls: () => made.replicas().map(({ url, max }) => `${url}#${max}`) };
}

describe('discovery', () => {
  it('makes a replica of every address of a name, beside those that are listed', async () => {
    const { made, urls } = discovery('http://a:8081,dns+http://builders:8081#max=2', [
      [
        { address: '10.0.0.1', family: 4 },
        { address: 'fd00::1', family: 6 },
      ],
    ]);
    expect(urls()).toEqual(['http://a:8081#undefined']);
    expect([made.mayGrow('default'), made.mayGrow('arm')]).toEqual([true, false]);
    await made.refresh();
    expect(made.mayGrow('default')).toBe(false);
    expect(urls()).toEqual(['http://a:8081#undefined', 'http://10.0.0.1:8081#2', 'http://[fd00::1]:8081#2']);
  });

  it('follows what the name says, and keeps what it had while the name cannot be resolved', async () => {
    const { made, urls } = discovery('dns+http://builders', [
      [{ address: '10.0.0.1', family: 4 }],
      new Error('SERVFAIL'),
      [{ address: '10.0.0.2', family: 4 }],
    ]);
    await made.refresh();
    await made.refresh();
    expect(urls()).toEqual(['http://10.0.0.1#undefined']);
    await made.refresh();
    expect(urls()).toEqual(['http://10.0.0.2#undefined']);
  });

  it('resolves a real name', async () => {
    const made = new Discovery({
      builders: parseBuilders('dns+http://localhost:8081'),
      registry: { announce: async () => [] },
      logger,
    });
    await made.refresh();
    expect(made.replicas().map(({ url }) => url)).toContain('http://127.0.0.1:8081');
  });

  it('announces the replicas until it is stopped', async () => {
    const { made, announced } = discovery('http://a:8081', []);
    const stop = new AbortController();
    const running = made.run(stop.signal);
    await expect.poll(() => announced.length).toBeGreaterThan(0);
    stop.abort();
    await running;
    expect(announced[0]).toMatchObject([{ url: 'http://a:8081', max: undefined }]);
  });
});
